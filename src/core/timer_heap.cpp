// SPDX-License-Identifier: Apache-2.0
#include "core/timer_heap.hpp"

#include <algorithm>

namespace fanout::detail {

timer_heap::timer_heap() noexcept : run_(nullptr) {
  run_.deadline = time_point::min();
  run_.later_ = &run_;
  run_.place_ = reinterpret_cast<std::uintptr_t>(&run_);
}

bool timer_heap::before(const entry& a, const entry& b) noexcept {
  return a.deadline != b.deadline ? a.deadline < b.deadline : a.timer->sequence_ < b.timer->sequence_;
}

void timer_heap::insert_into_heap(timer_op& timer, time_point deadline) {
  heap_.emplace_back();  // throws before anything has changed
  timer.deadline = deadline;
  timer.sequence_ = inserted_++;
  latest_in_heap_ = std::max(latest_in_heap_, deadline);
  sift_up({deadline, &timer}, heap_.size() - 1);
}

void timer_heap::erase_from_heap(timer_op& timer) noexcept {
  const std::size_t hole = timer.place_ / 2;
  timer.place_ = timer_op::nowhere;
  const entry last = heap_.back();
  heap_.pop_back();
  if (heap_.empty()) latest_in_heap_ = time_point::min();
  if (last.timer == &timer) return;
  if (hole > 0 && before(last, heap_[(hole - 1) / arity])) {
    sift_up(last, hole);
  } else {
    sift_down(last, hole);
  }
}

void timer_heap::put(entry e, std::size_t index) noexcept {
  heap_[index] = e;
  e.timer->place_ = 2 * index + 1;
}

void timer_heap::sift_up(entry e, std::size_t index) noexcept {
  while (index > 0) {
    const std::size_t parent = (index - 1) / arity;
    if (!before(e, heap_[parent])) break;
    put(heap_[parent], index);
    index = parent;
  }
  put(e, index);
}

void timer_heap::sift_down(entry e, std::size_t index) noexcept {
  for (;;) {
    const std::size_t first = index * arity + 1;
    if (first >= heap_.size()) break;
    const std::size_t end = std::min(first + arity, heap_.size());
    std::size_t smallest = first;
    for (std::size_t child = first + 1; child < end; ++child) {
      if (before(heap_[child], heap_[smallest])) smallest = child;
    }
    if (!before(heap_[smallest], e)) break;
    put(heap_[smallest], index);
    index = smallest;
  }
  put(e, index);
}

}  // namespace fanout::detail
