// SPDX-License-Identifier: Apache-2.0
// A leaf at which a coroutine suspends, and out of which a stop request gets it again.
#pragma once

#include <atomic>
#include <coroutine>

namespace fanout::detail {

/// Joins the coroutine that is being suspended with the op that will resume it, which may run in another thread before
/// await_suspend has returned. Whoever arrives second goes on with the coroutine, so its frame, and the awaiter in it,
/// outlive both:
///
///     await_suspend:  arm the op, register for stop requests, return arrive_suspended()
///     the op:         arrive_woken()
class suspension {
 public:
  void begin(std::coroutine_handle<> handle) noexcept { handle_ = handle; }

  /// What await_suspend has to return. False: the op was first, do not suspend.
  bool arrive_suspended() noexcept { return !second(); }

  void arrive_woken() noexcept {
    if (second()) handle_.resume();
  }

 private:
  // Acquire and release in both: each side sees what the other wrote before it arrived.
  bool second() noexcept { return arrived_.exchange(true, std::memory_order_acq_rel); }

  std::coroutine_handle<> handle_;
  std::atomic<bool> arrived_ = false;
};

}  // namespace fanout::detail
