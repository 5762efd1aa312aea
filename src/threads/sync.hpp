// SPDX-License-Identifier: Apache-2.0
// What the pool's protocols are made of. They are templates over it, so that tests can put a scheduler in its place
// that decides at every access which thread goes on: tests/threads/schedules.hpp.
#pragma once

#include <atomic>
#include <cstdint>

#include "fanout/detail/futex.hpp"
#include "fanout/detail/pause.hpp"
#include "fanout/duration.hpp"

namespace fanout::detail {

/// Held for some ten instructions at a time: so who finds it locked looks again for a while before it sleeps, which
/// would cost a thousand times that. Of no more than a word, and inlined: a free one costs two atomic operations.
///
///              lock               looked in vain for a while: sleeps
///     free ───────────▶ locked ─────────────────────────────────────▶ contended
///       ▲                 │                                              │
///       └──── unlock ─────┴────────── unlock: wakes all who sleep ───────┘
///
/// As POSIX asks of a mutex, it may be destroyed as soon as it is unlocked: unlock() then uses nothing but its address.
class adaptive_mutex {
 public:
  adaptive_mutex() noexcept = default;
  adaptive_mutex(const adaptive_mutex&) = delete;
  adaptive_mutex& operator=(const adaptive_mutex&) = delete;

  void lock() noexcept {
    if (!take()) lock_slowly();
  }
  void unlock() noexcept {
    if (word_.exchange(free, std::memory_order_release) == contended) futex_wake_all(word_);
  }

 private:
  static constexpr std::uint32_t free = 0, locked = 1, contended = 2;
  static constexpr int looks = 100;

  bool take() noexcept {
    std::uint32_t expected = free;
    return word_.compare_exchange_strong(expected, locked, std::memory_order_acquire, std::memory_order_relaxed);
  }
  [[gnu::noinline]] void lock_slowly() noexcept {
    for (int i = 0; i < looks; ++i) {
      pause_briefly();
      if (word_.load(std::memory_order_relaxed) == free && take()) return;
    }
    while (word_.exchange(contended, std::memory_order_acquire) != free) futex_wait(word_, contended);
  }

  std::atomic<std::uint32_t> word_ = free;  // release in unlock(), acquire in lock()
};

/// A thread's bed: whoever wakes it sets the word, then wakes, by its address alone: the thread may be up and away.
class parker {
 public:
  /// Sleeps until there was a signal, and takes it. With a deadline: false if that came first.
  bool park(const time_point* deadline) noexcept {
    while (signal_.load(std::memory_order_acquire) == 0) {
      if (deadline == nullptr) {
        futex_wait(signal_, 0);
      } else if (!futex_wait_until(signal_, 0, *deadline) && signal_.load(std::memory_order_acquire) == 0) {
        return false;
      }
    }
    signal_.store(0, std::memory_order_relaxed);  // one signal at a time: nobody else writes now
    return true;
  }

  /// Release: pairs with park(), which sees all that was done before.
  void signal() noexcept { signal_.store(1, std::memory_order_release); }

  /// To be called after signal(), even if the parker is gone by now.
  static void wake(parker& sleeping) noexcept { futex_wake_all(sleeping.signal_); }

 private:
  std::atomic<std::uint32_t> signal_ = 0;
};

struct native_sync {
  template <class T>
  using atomic = std::atomic<T>;
  using mutex = adaptive_mutex;
  using parker = detail::parker;
};

}  // namespace fanout::detail
