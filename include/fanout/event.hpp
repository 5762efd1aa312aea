// SPDX-License-Identifier: Apache-2.0
// event: something has happened, and whoever waits for it goes on.
#pragma once

#include <mutex>
#include <utility>

#include "fanout/detail/misuse.hpp"
#include "fanout/detail/wait_awaiter.hpp"
#include "fanout/detail/wait_list.hpp"

namespace fanout {

/// asyncio.Event: a flag that coroutines wait for, on whatever executors. All members may be called from any thread.
///
///     not set ──set: all who wait are woken──▶ set: nobody has to wait
///             ◀────────────clear──────────────
///
/// Everything is under one lock, is_set() too: whoever finds the event set may destroy it at once, and set() must not
/// be using it any more by then.
class event {
 public:
  event() noexcept = default;
  event(const event&) = delete;
  event& operator=(const event&) = delete;
  /// Not while a coroutine waits for it.
  ~event() {
    if (!waiting_.empty()) {
      detail::terminate_for(
          "an event is destroyed while a coroutine waits for it, which could never go on: let it outlive them, "
          "or set() it and wait until they have ended");
    }
  }

  /// Wakes all who wait; they go on even if clear() follows at once.
  void set() noexcept {
    detail::wake_ups wake;
    const std::lock_guard lock(lock_);
    set_ = true;
    while (operation* const next = waiting_.take_first()) wake.add(*next);
  }

  /// From now on whoever comes has to wait for the next set().
  void clear() noexcept {
    const std::lock_guard lock(lock_);
    set_ = false;
  }

  bool is_set() const noexcept {
    const std::lock_guard lock(lock_);
    return set_;
  }

  /// `co_await e.wait()`: goes on when the event is set. Throws `cancelled` if the coroutine is asked to stop before.
  [[nodiscard]] auto wait() noexcept { return detail::wait_awaiter<operation>(std::in_place, *this); }

 private:
  struct operation : detail::queued_wait {
    explicit operation(event& e) noexcept : from(e) {}
    std::mutex& lock() noexcept { return from.lock_; }
    auto& list() noexcept { return from.waiting_; }
    bool settle(detail::wake_ups&) noexcept { return from.set_; }

    event& from;
  };

  mutable std::mutex lock_;  // guards what follows
  bool set_ = false;
  detail::wait_list<operation> waiting_;
};

}  // namespace fanout
