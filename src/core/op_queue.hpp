// SPDX-License-Identifier: Apache-2.0
// Ops linked into a queue, or into a stack that any thread may push to.
#pragma once

#include <atomic>

#include "fanout/executor.hpp"

namespace fanout::detail {

/// First in, first out; for one thread, or under a lock.
class op_queue {
 public:
  op_queue() noexcept = default;
  op_queue(const op_queue&) = delete;
  op_queue& operator=(const op_queue&) = delete;

  bool empty() const noexcept { return first_ == nullptr; }

  void push(op& work) noexcept { push_all(work, work); }
  /// Linked from `first` to `last` already.
  void push_all(op& first, op& last) noexcept {
    last.next = nullptr;
    *end_ = &first;
    end_ = &last.next;
  }

  /// Null if there is none.
  op* pop() noexcept {
    op* const work = first_;
    if (work != nullptr) {
      first_ = work->next;
      if (first_ == nullptr) end_ = &first_;
    }
    return work;
  }

 private:
  op* first_ = nullptr;
  op** end_ = &first_;  // where the next one is to be linked
};

/// Any thread pushes, one takes all. (Taking all at once is what spares it the ABA problem.)
class op_stack {
 public:
  bool empty() const noexcept { return top_.load(std::memory_order_acquire) == nullptr; }

  void push(op& work) noexcept {
    work.next = top_.load(std::memory_order_relaxed);
    // Release: pairs with the exchange in take_all. seq_cst besides: see event_loop's parking.
    while (!top_.compare_exchange_weak(work.next, &work, std::memory_order_seq_cst, std::memory_order_relaxed)) {
    }
  }

  /// In the order in which they were pushed, linked by `next`.
  op* take_all() noexcept {
    op* newest_first = top_.exchange(nullptr, std::memory_order_acquire);
    op* oldest_first = nullptr;
    while (newest_first != nullptr) {
      op* const next = newest_first->next;
      newest_first->next = oldest_first;
      oldest_first = newest_first;
      newest_first = next;
    }
    return oldest_first;
  }

 private:
  std::atomic<op*> top_ = nullptr;
};

}  // namespace fanout::detail
