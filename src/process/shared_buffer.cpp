// SPDX-License-Identifier: Apache-2.0
#include "fanout/shared_buffer.hpp"

#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <string>
#include <utility>

#include "fanout/detail/archive.hpp"
#include "fanout/errors.hpp"
#include "memory_block.hpp"

namespace fanout {

namespace {

/// In place of a block's number: the bytes themselves follow.
constexpr std::uint64_t by_value = 0;

}  // namespace

shared_buffer::shared_buffer(std::size_t size) {
  if (size != 0) *this = shared_buffer(detail::memory_block::make(size), 0, size);
}

shared_buffer::shared_buffer(detail::block_ptr block, std::size_t first, std::size_t count) noexcept
    : block_(std::move(block)), data_(block_->data() + first), size_(count), is_writable_(block_->is_writable()) {}

void shared_buffer::make_writable() {
  const auto first = static_cast<std::size_t>(data_ - block_->data());
  *this = shared_buffer(detail::memory_block::writable(block_), first, size_);
}

shared_buffer shared_buffer::slice(std::size_t first, std::size_t count) const {
  if (first > size_ || count > size_ - first)
    throw std::out_of_range("a slice that ends beyond what it is a slice of: " + std::to_string(count) +
                            " bytes from " + std::to_string(first) + ", of " + std::to_string(size_));
  shared_buffer part;
  if (count != 0) part = shared_buffer(block_, static_cast<std::size_t>(data_ - block_->data()) + first, count);
  return part;
}

/// size │ number of the block │ where in it; or, if that is 0, the bytes. Nothing after a size of 0.
void shared_buffer::save(detail::writer& to) const {
  const bool is_sent = size_ != 0 && block_->file() >= 0 && to.buffer().attach(block_);
  to(std::uint64_t{size_});
  if (size_ == 0) return;
  to(is_sent ? block_->number() : by_value);
  if (is_sent) {
    to(static_cast<std::uint64_t>(data_ - block_->data()));
  } else {
    to.buffer().append(data_, size_);
  }
}

void shared_buffer::load(detail::reader& from) {
  std::uint64_t size = 0, number = 0, first = 0;
  shared_buffer read;
  from(size);
  if (size != 0) from(number);
  if (size != 0 && number == by_value) {
    const auto bytes = from.bytes(size);
    read = shared_buffer(bytes.size());
    std::memcpy(read.data(), bytes.data(), bytes.size());
  } else if (size != 0) {
    from(first);
    const detail::block_ptr& block = from.block(number);
    if (first > block->size() || size > block->size() - first)
      throw serialization_error("a shared_buffer came that is larger than its memory");
    read = shared_buffer(block, first, size);
  }
  *this = std::move(read);
}

}  // namespace fanout
