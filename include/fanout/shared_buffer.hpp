// SPDX-License-Identifier: Apache-2.0
// shared_buffer: bytes that tasks of a process_pool get, and give back, without a copy.
#pragma once

#include <cstddef>

#include "fanout/detail/memory_block.hpp"

namespace fanout {

namespace detail {
class reader;
class writer;
}  // namespace detail

/// A handle to bytes in memory that other processes can map: as an argument or a result of a process_pool's task, alone
/// or inside of others, only the handle travels, however many bytes there are. Copies of a handle share the bytes, as
/// copies of a shared_ptr do; they are freed with the last one, in whatever process that is.
///
/// Who made it may write to it, and all who have it see that. (So write before it is sent, or when nobody reads.) In a
/// process that received it, the bytes can be read where they are. The first access to a handle there that is not const
/// gives it a copy of its own, made page by page as they are written to; nobody else sees what is written. So take it
/// as a `const shared_buffer&` to read it. A handle with such a copy travels by value.
///
/// Where there are no descriptors left for more of them (it takes up to half of those that this process may have open),
/// it is memory like any other: then it travels by value, too, and nobody sees what is written later. A fork of the
/// process (fork(), or start_method::fork) has the same memory, which both may write to.
///
/// Different handles may be used by several threads at once; the bytes are theirs to synchronize.
class shared_buffer {
 public:
  /// No bytes.
  shared_buffer() noexcept = default;
  /// Zeros. Throws std::bad_alloc if there is not that much memory: it is taken here, not when it is written to.
  explicit shared_buffer(std::size_t size);

  std::size_t size() const noexcept { return size_; }
  bool empty() const noexcept { return size_ == 0; }

  const std::byte* data() const noexcept { return data_; }
  /// Throws std::bad_alloc, when it was received and this is the first such access.
  std::byte* data() {
    if (!is_writable_) make_writable();
    return data_;
  }
  const std::byte* begin() const noexcept { return data_; }
  const std::byte* end() const noexcept { return data_ + size_; }
  std::byte* begin() { return data(); }
  std::byte* end() { return data() + size_; }

  /// A handle to some of the bytes. All of them are freed together. Throws std::out_of_range.
  shared_buffer slice(std::size_t first, std::size_t count) const;

  // How it travels; for fanout's archives alone.
  void save(detail::writer& to) const;
  void load(detail::reader& from);

 private:
  shared_buffer(detail::block_ptr block, std::size_t first, std::size_t count) noexcept;
  void make_writable();

  detail::block_ptr block_;
  std::byte* data_ = nullptr;
  std::size_t size_ = 0;
  bool is_writable_ = true;
};

}  // namespace fanout
