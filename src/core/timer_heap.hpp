// SPDX-License-Identifier: Apache-2.0
// The armed timers of a scheduler, the earliest first.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

#include "fanout/executor.hpp"

namespace fanout::detail {

/// Timers whose deadlines come in order form a run, a list linked through themselves: joining and leaving it takes a
/// few stores, and no memory. That is the common case: all timers of one length are armed in the order in which they
/// become due. The others are in a 4-ary heap, with the deadlines in the array, so that comparing touches no timer.
/// Either way a timer knows its place, and any can be taken out. Not thread-safe.
///
/// Equal deadlines come in the order in which they were armed: in the run that is its order, in the heap their
/// numbers'; and of two such timers the one in the run was armed first, for none joins the run that is not later than
/// all there ever were in the heap since that was last empty.
class timer_heap {
 public:
  timer_heap() noexcept;
  timer_heap(const timer_heap&) = delete;
  timer_heap& operator=(const timer_heap&) = delete;

  bool empty() const noexcept { return run_.later_ == &run_ && heap_.empty(); }
  timer_op& earliest() const noexcept {
    return heap_.empty() || (run_.later_ != &run_ && run_.later_->deadline <= heap_.front().deadline)
               ? *run_.later_
               : *heap_.front().timer;
  }

  /// Moves those whose deadline has passed, `most` of them at most, to the queue `ready`, in the order of their
  /// deadlines. The clock is not read while there are none.
  template <class Queue>
  void take_due(Queue& ready, std::size_t most = std::numeric_limits<std::size_t>::max()) noexcept {
    if (empty()) return;
    const time_point now = std::chrono::steady_clock::now();
    for (; most > 0 && !empty(); --most) {
      timer_op& timer = earliest();
      if (timer.deadline > now) return;
      erase(timer);
      ready.push(timer);
    }
  }

  /// Throws std::bad_alloc before anything has changed.
  void insert(timer_op& timer, time_point deadline) {
    if (deadline >= last_of_run().deadline && deadline > latest_in_heap_) {
      timer.deadline = deadline;
      append(timer);
    } else {
      insert_into_heap(timer, deadline);
    }
  }

  void erase(timer_op& timer) noexcept {
    if (in_heap(timer)) return erase_from_heap(timer);
    timer_op& previous = before_in_run(timer);
    previous.later_ = timer.later_;
    timer.later_->place_ = timer.place_;
    timer.place_ = timer_op::nowhere;
  }

 private:
  struct entry {
    time_point deadline;
    timer_op* timer;
  };

  static constexpr std::size_t arity = 4;

  // A timer's place: in the heap twice its index and one; in the run the address of the one before.
  static bool in_heap(const timer_op& timer) noexcept { return (timer.place_ & 1) != 0; }
  static timer_op& before_in_run(const timer_op& timer) noexcept { return *reinterpret_cast<timer_op*>(timer.place_); }

  timer_op& last_of_run() const noexcept { return before_in_run(run_); }
  void append(timer_op& timer) noexcept {
    timer.place_ = run_.place_;
    timer.later_ = &run_;
    last_of_run().later_ = &timer;
    run_.place_ = reinterpret_cast<std::uintptr_t>(&timer);
  }

  static bool before(const entry& a, const entry& b) noexcept;
  void insert_into_heap(timer_op& timer, time_point deadline);
  void erase_from_heap(timer_op& timer) noexcept;
  void put(entry e, std::size_t index) noexcept;
  void sift_up(entry e, std::size_t index) noexcept;
  void sift_down(entry e, std::size_t index) noexcept;

  timer_op run_;  // stands between the last of the run and its first, with a deadline before any other
  std::vector<entry> heap_;
  time_point latest_in_heap_ = time_point::min();
  std::uint64_t inserted_ = 0;
};

}  // namespace fanout::detail
