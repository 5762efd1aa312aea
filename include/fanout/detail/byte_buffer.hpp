// SPDX-License-Identifier: Apache-2.0
// Bytes that grow at the end and are not zeroed first: what messages are written into and read from.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

#include "fanout/detail/memory_block.hpp"
#include "fanout/detail/slab_memory.hpp"

namespace fanout::detail {

/// Of a buffer that is made to be sent to another process.
struct to_be_sent_t {};
inline constexpr to_be_sent_t to_be_sent;

/// Kept by malloc, so that large ones grow by moving pages instead of copying them; or, if it is to be sent and large,
/// in a slab, which the other process reads. In a fork of this process there is nothing behind a slab's addresses.
class byte_buffer {
 public:
  byte_buffer() noexcept = default;
  explicit byte_buffer(to_be_sent_t) noexcept : may_be_in_slab_(true) {}
  byte_buffer(byte_buffer&& other) noexcept { swap(other); }
  byte_buffer& operator=(byte_buffer&& other) noexcept {
    byte_buffer(std::move(other)).swap(*this);
    return *this;
  }
  ~byte_buffer() { release(); }

  void swap(byte_buffer& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    std::swap(capacity_, other.capacity_);
    std::swap(may_be_in_slab_, other.may_be_in_slab_);
    std::swap(is_in_slab_, other.is_in_slab_);
    blocks_.swap(other.blocks_);
  }

  std::byte* data() noexcept { return data_; }
  const std::byte* data() const noexcept { return data_; }
  std::size_t size() const noexcept { return size_; }
  std::size_t capacity() const noexcept { return capacity_; }
  std::span<const std::byte> bytes() const noexcept { return {data_, size_}; }
  bool is_in_slab() const noexcept { return is_in_slab_; }

  /// Of the bytes from `begin` on so many, and the blocks that they name.
  outgoing_message part(std::size_t begin, std::size_t count) const noexcept {
    const auto all = blocks();
    const auto first = std::ranges::lower_bound(all, begin, {}, &attached_block::at);
    const auto last = std::ranges::lower_bound(first, all.end(), begin + count, {}, &attached_block::at);
    return {bytes().subspan(begin, count), {first, last}};
  }
  outgoing_message message() const noexcept { return {bytes(), blocks()}; }

  /// The bytes that are appended next name this block: who gets them gets it, too. False: they are not sent.
  bool attach(const block_ptr& block) {
    if (!may_be_in_slab_) return false;
    if (blocks_ == nullptr) blocks_ = std::make_unique<std::vector<attached_block>>();
    blocks_->push_back({size_, block});
    return true;
  }

  /// Keeps the memory.
  void clear() noexcept {
    size_ = 0;
    blocks_.reset();
  }

  /// Room for `capacity` bytes in all. Throws std::bad_alloc.
  void reserve(std::size_t capacity) {
    if (capacity > capacity_ && !reserve_in_slab(capacity)) reserve_elsewhere(capacity);
  }

  /// `count` more bytes, unset, at the end; returns where they begin.
  std::byte* extend(std::size_t count) {
    if (count > capacity_ - size_) grow_for(count);
    std::byte* const begin = data_ + size_;
    size_ += count;
    return begin;
  }

  void append(const void* from, std::size_t count) {
    if (count != 0) std::memcpy(extend(count), from, count);
  }

  /// All that is in another, and what that names.
  void append(const byte_buffer& other) {
    if (!other.blocks().empty() && blocks_ == nullptr) blocks_ = std::make_unique<std::vector<attached_block>>();
    for (const attached_block& b : other.blocks()) blocks_->push_back({size_ + b.at, b.block});
    append(other.data_, other.size_);
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
  void shrink(std::size_t count) noexcept {
    size_ -= count;
    while (!blocks().empty() && blocks_->back().at >= size_) blocks_->pop_back();
  }

  /// Takes `count` bytes away at the front; the others move up.
  void drop_front(std::size_t count) noexcept {
    if (count == 0) return;
    std::memmove(data_, data_ + count, size_ - count);
    size_ -= count;
  }

 private:
  std::span<const attached_block> blocks() const noexcept {
    return blocks_ != nullptr ? std::span<const attached_block>(*blocks_) : std::span<const attached_block>();
  }

  void grow_for(std::size_t count) {
    if (count > static_cast<std::size_t>(-1) / 4 - size_) throw std::bad_alloc();
    const std::size_t needed = size_ + count;
    const std::size_t doubled = capacity_ * 2;
    if (!reserve_in_slab(needed)) reserve_elsewhere(needed > doubled ? needed : doubled);
  }

  /// False: it is where it was. A slab grows in place, or there is a larger one: no need to ask for more than that.
  bool reserve_in_slab(std::size_t capacity) noexcept {
    if (!may_be_in_slab_ || capacity < least_in_slab) return false;
    const slab_memory slab = is_in_slab_ ? grow_slab({data_, capacity_}, size_, capacity) : take_slab(capacity);
    if (!slab) return false;
    if (!is_in_slab_) {
      if (size_ != 0) std::memcpy(slab.data, data_, size_);
      std::free(data_);
    }
    data_ = slab.data;
    capacity_ = slab.capacity;
    return is_in_slab_ = true;
  }

  void reserve_elsewhere(std::size_t capacity) {
    void* const grown = std::realloc(is_in_slab_ ? nullptr : data_, capacity);
    if (grown == nullptr) throw std::bad_alloc();
    if (is_in_slab_) {
      std::memcpy(grown, data_, size_);
      give_slab_back(data_);
    }
    data_ = static_cast<std::byte*>(grown);
    capacity_ = capacity;
    is_in_slab_ = false;
  }

  void release() noexcept {
    if (is_in_slab_) {
      give_slab_back(data_);
    } else {
      std::free(data_);
    }
  }

  std::byte* data_ = nullptr;
  std::size_t size_ = 0;
  std::size_t capacity_ = 0;
  bool may_be_in_slab_ = false, is_in_slab_ = false;
  std::unique_ptr<std::vector<attached_block>> blocks_;  // in the order of the bytes; most often there are none
};

}  // namespace fanout::detail
