// SPDX-License-Identifier: Apache-2.0
// Blocks: memory that other processes map instead of getting a copy of it. What is behind them is in
// src/process/memory_block.hpp; here is as much as messages need to name them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

namespace fanout::detail {

class memory_block;

/// A counted pointer to one. Null: none.
class block_ptr {
 public:
  block_ptr() noexcept = default;
  /// Takes over one reference.
  explicit block_ptr(memory_block* block) noexcept : block_(block) {}
  block_ptr(const block_ptr& other) noexcept : block_(other.block_) {
    if (block_ != nullptr) retain(*block_);
  }
  block_ptr(block_ptr&& other) noexcept : block_(std::exchange(other.block_, nullptr)) {}
  block_ptr& operator=(block_ptr other) noexcept {
    std::swap(block_, other.block_);
    return *this;
  }
  ~block_ptr() {
    if (block_ != nullptr) release(*block_);
  }

  memory_block* get() const noexcept { return block_; }
  memory_block* operator->() const noexcept { return block_; }
  memory_block& operator*() const noexcept { return *block_; }
  explicit operator bool() const noexcept { return block_ != nullptr; }

 private:
  static void retain(memory_block& block) noexcept;
  static void release(memory_block& block) noexcept;

  memory_block* block_ = nullptr;
};

/// A block that a message names, and the place in its bytes from which on it does.
struct attached_block {
  std::size_t at;
  block_ptr block;
};

/// What is sent, or a part of it: bytes, and the blocks that they name.
struct outgoing_message {
  std::span<const std::byte> bytes;
  std::span<const attached_block> blocks = {};
};

/// A block as it came with a message that names it by the sender's number for it.
struct arrived_block {
  std::uint64_t number = 0;
  block_ptr block;  ///< null: it did not come, or cannot be had
  int error = 0;    ///< why, as an errno
};

/// What came.
struct incoming_message {
  std::span<const std::byte> bytes;
  std::span<const arrived_block> blocks = {};
};

}  // namespace fanout::detail
