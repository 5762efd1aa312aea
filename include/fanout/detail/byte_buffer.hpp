// SPDX-License-Identifier: Apache-2.0
// Bytes that grow at the end and are not zeroed first: what messages are written into and read from.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <new>
#include <span>
#include <type_traits>
#include <utility>

namespace fanout::detail {

/// Kept by malloc, so that large ones grow by moving pages instead of copying them.
class byte_buffer {
 public:
  byte_buffer() noexcept = default;
  byte_buffer(byte_buffer&& other) noexcept { swap(other); }
  byte_buffer& operator=(byte_buffer&& other) noexcept {
    byte_buffer(std::move(other)).swap(*this);
    return *this;
  }
  ~byte_buffer() { std::free(data_); }

  void swap(byte_buffer& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    std::swap(capacity_, other.capacity_);
  }

  std::byte* data() noexcept { return data_; }
  const std::byte* data() const noexcept { return data_; }
  std::size_t size() const noexcept { return size_; }
  std::size_t capacity() const noexcept { return capacity_; }
  std::span<const std::byte> bytes() const noexcept { return {data_, size_}; }

  /// Keeps the memory.
  void clear() noexcept { size_ = 0; }

  /// Room for `capacity` bytes in all. Throws std::bad_alloc.
  void reserve(std::size_t capacity) {
    if (capacity <= capacity_) return;
    void* const grown = std::realloc(data_, capacity);
    if (grown == nullptr) throw std::bad_alloc();
    data_ = static_cast<std::byte*>(grown);
    capacity_ = capacity;
  }

  /// `count` more bytes, unset, at the end; returns where they begin.
  std::byte* extend(std::size_t count) {
    if (count > capacity_ - size_) reserve(grown_for(count));
    std::byte* const begin = data_ + size_;
    size_ += count;
    return begin;
  }

  void append(const void* from, std::size_t count) {
    if (count != 0) std::memcpy(extend(count), from, count);
  }

  template <class T>
    requires std::is_trivially_copyable_v<T>
  void append_value(const T& value) {
    append(&value, sizeof value);
  }

  /// Replaces bytes that are there already.
  template <class T>
    requires std::is_trivially_copyable_v<T>
  void overwrite(std::size_t at, const T& value) noexcept {
    std::memcpy(data_ + at, &value, sizeof value);
  }

  /// Takes `count` bytes away at the end.
  void shrink(std::size_t count) noexcept { size_ -= count; }

  /// Takes `count` bytes away at the front; the others move up.
  void drop_front(std::size_t count) noexcept {
    if (count == 0) return;
    std::memmove(data_, data_ + count, size_ - count);
    size_ -= count;
  }

 private:
  std::size_t grown_for(std::size_t count) const {
    if (count > static_cast<std::size_t>(-1) / 4 - size_) throw std::bad_alloc();
    const std::size_t needed = size_ + count;
    const std::size_t doubled = capacity_ * 2;
    return needed > doubled ? needed : doubled;
  }

  std::byte* data_ = nullptr;
  std::size_t size_ = 0;
  std::size_t capacity_ = 0;
};

}  // namespace fanout::detail
