// SPDX-License-Identifier: Apache-2.0
// The armed timers of a scheduler, the earliest on top.
#pragma once

#include <cstddef>
#include <vector>

#include "fanout/executor.hpp"

namespace fanout::detail {

/// A 4-ary heap of timers that know their place in it, so that any of them can be taken out. Not thread-safe.
class timer_heap {
 public:
  bool empty() const noexcept { return heap_.empty(); }
  timer_op& earliest() const noexcept { return *heap_.front(); }

  /// Moves those whose deadline has passed to the queue `ready`, in the order of their deadlines. The clock is not read
  /// while there are none.
  template <class Queue>
  void take_due(Queue& ready) noexcept {
    if (empty()) return;
    const time_point now = std::chrono::steady_clock::now();
    while (!empty() && earliest().deadline <= now) {
      timer_op& timer = earliest();
      erase(timer);
      ready.push(timer);
    }
  }

  void insert(timer_op& timer, time_point deadline);
  void erase(timer_op& timer) noexcept;

 private:
  static constexpr std::size_t arity = 4;

  static bool before(const timer_op& a, const timer_op& b) noexcept;
  void place(timer_op& timer, std::size_t index) noexcept;
  void sift_up(timer_op& timer, std::size_t index) noexcept;
  void sift_down(timer_op& timer, std::size_t index) noexcept;

  std::vector<timer_op*> heap_;
  unsigned long inserted_ = 0;
};

}  // namespace fanout::detail
