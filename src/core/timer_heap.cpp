// SPDX-License-Identifier: Apache-2.0
#include "core/timer_heap.hpp"

#include <algorithm>

namespace fanout::detail {

bool timer_heap::before(const timer_op& a, const timer_op& b) noexcept {
  return a.deadline != b.deadline ? a.deadline < b.deadline : a.sequence < b.sequence;
}

void timer_heap::insert(timer_op& timer, time_point deadline) {
  heap_.push_back(nullptr);  // throws before anything has changed
  timer.deadline = deadline;
  timer.sequence = inserted_++;
  sift_up(timer, heap_.size() - 1);
}

void timer_heap::erase(timer_op& timer) noexcept {
  const std::size_t hole = timer.heap_index;
  timer.heap_index = timer_op::not_queued;
  timer_op& last = *heap_.back();
  heap_.pop_back();
  if (&last == &timer) return;
  if (hole > 0 && before(last, *heap_[(hole - 1) / arity])) {
    sift_up(last, hole);
  } else {
    sift_down(last, hole);
  }
}

void timer_heap::place(timer_op& timer, std::size_t index) noexcept {
  heap_[index] = &timer;
  timer.heap_index = index;
}

void timer_heap::sift_up(timer_op& timer, std::size_t index) noexcept {
  while (index > 0) {
    const std::size_t parent = (index - 1) / arity;
    if (!before(timer, *heap_[parent])) break;
    place(*heap_[parent], index);
    index = parent;
  }
  place(timer, index);
}

void timer_heap::sift_down(timer_op& timer, std::size_t index) noexcept {
  for (;;) {
    const std::size_t first = index * arity + 1;
    if (first >= heap_.size()) break;
    const std::size_t end = std::min(first + arity, heap_.size());
    std::size_t smallest = first;
    for (std::size_t child = first + 1; child < end; ++child) {
      if (before(*heap_[child], *heap_[smallest])) smallest = child;
    }
    if (!before(*heap_[smallest], timer)) break;
    place(*heap_[smallest], index);
    index = smallest;
  }
  place(timer, index);
}

}  // namespace fanout::detail
