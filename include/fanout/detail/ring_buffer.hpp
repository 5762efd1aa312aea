// SPDX-License-Identifier: Apache-2.0
// A queue with room for so many, all of which it has from the beginning.
#pragma once

#include <cstddef>
#include <memory>
#include <utility>

namespace fanout::detail {

/// For one thread at a time. Not boost::circular_buffer, which takes only types that can be assigned.
template <class T>
class ring_buffer {
 public:
  explicit ring_buffer(std::size_t capacity) : capacity_(capacity), slots_(std::allocator<T>().allocate(capacity)) {}
  ring_buffer(const ring_buffer&) = delete;
  ring_buffer& operator=(const ring_buffer&) = delete;
  ~ring_buffer() {
    while (!empty()) pop();
    std::allocator<T>().deallocate(slots_, capacity_);
  }

  bool empty() const noexcept { return size_ == 0; }
  bool full() const noexcept { return size_ == capacity_; }

  /// Unless it is full.
  void push(T&& value) noexcept {
    std::construct_at(slots_ + wrapped(first_ + size_), std::move(value));
    ++size_;
  }

  /// Unless it is empty.
  T pop() noexcept {
    T& oldest = slots_[first_];
    T value(std::move(oldest));
    std::destroy_at(&oldest);
    first_ = wrapped(first_ + 1);
    --size_;
    return value;
  }

 private:
  std::size_t wrapped(std::size_t i) const noexcept { return i < capacity_ ? i : i - capacity_; }

  const std::size_t capacity_;
  T* const slots_;
  std::size_t first_ = 0;
  std::size_t size_ = 0;
};

}  // namespace fanout::detail
