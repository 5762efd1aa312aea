// SPDX-License-Identifier: Apache-2.0
// Everything that was spawned on a scheduler, and has not ended.
#pragma once

#include <atomic>
#include <coroutine>
#include <cstddef>
#include <exception>

#include "fanout/detail/waiter.hpp"
#include "fanout/stop.hpp"

namespace fanout::detail {

/// Each task that is spawned holds a count from before it begins until after its frame is gone, and whoever runs the
/// scheduler holds one. So it can tell when nothing is left, and ask all that is left to stop.
///
/// Tasks begin and end on threads of their executor, always. Where that is one thread, counting needs no atomic
/// read-modify-write: of the 38 ns of a spawn, two of those were 10.
class spawn_scope {
 public:
  enum class counted_by { one_thread, many };
  explicit spawn_scope(counted_by who) noexcept : one_thread_(who == counted_by::one_thread) {}

  stop_token get_token() const noexcept { return stop_.get_token(); }
  void request_stop() noexcept { stop_.request_stop(); }

  void enter() noexcept { add(1); }
  /// This may be gone when it returns.
  void leave() noexcept {
    if (add(-1) == 0) ended_.finish();
  }
  /// A task's way to leave: nobody goes on, and its error is its future's.
  std::coroutine_handle<> left(const std::exception_ptr&) noexcept {
    leave();
    return std::noop_coroutine();
  }

  /// Done when the last count is gone.
  completion& ended() noexcept { return ended_; }

 private:
  /// Returns what it comes to.
  std::ptrdiff_t add(std::ptrdiff_t change) noexcept {
    if (one_thread_) {
      const auto sum = live_.load(std::memory_order_relaxed) + change;
      live_.store(sum, std::memory_order_relaxed);
      return sum;
    }
    // Acquire and release: whoever sees `ended` sees what all the tasks did.
    return live_.fetch_add(change, std::memory_order_acq_rel) + change;
  }

  const bool one_thread_;
  stop_source stop_;
  std::atomic<std::ptrdiff_t> live_ = 1;
  completion ended_;
};

}  // namespace fanout::detail
