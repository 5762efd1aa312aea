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
class spawn_scope {
 public:
  stop_token get_token() const noexcept { return stop_.get_token(); }
  void request_stop() noexcept { stop_.request_stop(); }

  void enter() noexcept { live_.fetch_add(1, std::memory_order_relaxed); }
  /// This may be gone when it returns.
  void leave() noexcept {
    // Acquire and release: whoever sees `ended` sees what all the tasks did.
    if (live_.fetch_sub(1, std::memory_order_acq_rel) == 1) ended_.finish();
  }
  /// A task's way to leave: nobody goes on, and its error is its future's.
  std::coroutine_handle<> left(const std::exception_ptr&) noexcept {
    leave();
    return std::noop_coroutine();
  }

  /// Done when the last count is gone.
  completion& ended() noexcept { return ended_; }

 private:
  stop_source stop_;
  std::atomic<std::size_t> live_ = 1;
  completion ended_;
};

}  // namespace fanout::detail
