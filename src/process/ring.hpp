// SPDX-License-Identifier: Apache-2.0
// A ring of bytes between two processes: one writes, one reads, and neither trusts the other's index.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace fanout::detail {

/// In shared memory. Both count bytes since the beginning, so tail - head is what lies in the ring.
struct ring_indices {
  alignas(64) std::atomic<std::uint64_t> tail;  // the writer's: release; acquire by the reader
  alignas(64) std::atomic<std::uint64_t> head;  // the reader's: release; acquire by the writer
};

/// Where a ring lies in this process. Its bytes are mapped twice in a row, so whatever is in it is in one piece.
struct ring_view {
  ring_indices* indices = nullptr;
  std::byte* bytes = nullptr;
  std::size_t capacity = 0;  // a power of two, of whole pages
};

/// The writer's end. What it wrote exists for the reader from publish() on: a writer that dies before has written
/// nothing.
class ring_writer {
 public:
  ring_writer() noexcept = default;
  explicit ring_writer(const ring_view& ring) noexcept : ring_(ring) {}

  std::size_t capacity() const noexcept { return ring_.capacity; }

  /// How much more fits. 0 also if the reader's index makes no sense: such a reader gets nothing any more.
  std::size_t room() noexcept {
    seen_head_ = ring_.indices->head.load(std::memory_order_acquire);
    return room_seen();
  }
  /// The same question, which rarely has to look at the reader's index: that is in another CPU's cache.
  bool has_room(std::size_t size) noexcept { return room_seen() >= size || room() >= size; }

  /// At most room() bytes in all since then.
  void put(std::span<const std::byte> bytes) noexcept {
    if (bytes.empty()) return;
    std::memcpy(ring_.bytes + (tail_ & (ring_.capacity - 1)), bytes.data(), bytes.size());
    tail_ += bytes.size();
  }

  void publish() noexcept { ring_.indices->tail.store(tail_, std::memory_order_release); }

 private:
  std::size_t room_seen() const noexcept {
    const std::uint64_t in_use = tail_ - seen_head_;
    return in_use > ring_.capacity ? 0 : ring_.capacity - static_cast<std::size_t>(in_use);
  }

  ring_view ring_;
  std::uint64_t tail_ = 0;  // its own: what the shared one says after it was written is of no interest
  std::uint64_t seen_head_ = 0;
};

/// The reader's end.
class ring_reader {
 public:
  ring_reader() noexcept = default;
  explicit ring_reader(const ring_view& ring) noexcept : ring_(ring) {}

  std::size_t capacity() const noexcept { return ring_.capacity; }

  /// What has been published and not taken; perhaps not the latest of it, if there is some. The writer may go on
  /// changing it, if it is not what it should be: copy before you check.
  std::span<const std::byte> readable() noexcept {
    if (seen_tail_ == head_) seen_tail_ = ring_.indices->tail.load(std::memory_order_acquire);
    const std::uint64_t there = seen_tail_ - head_;
    if (there > ring_.capacity) {
      corrupt_ = true;
      return {};
    }
    return {ring_.bytes + (head_ & (ring_.capacity - 1)), static_cast<std::size_t>(there)};
  }
  bool empty() const noexcept {
    return seen_tail_ == head_ && ring_.indices->tail.load(std::memory_order_acquire) == head_;
  }

  /// The writer's index made no sense: it has overwritten its memory.
  bool corrupt() const noexcept { return corrupt_; }

  /// Gives the room of the first `count` bytes of readable() back.
  void take(std::size_t count) noexcept {
    head_ += count;
    ring_.indices->head.store(head_, std::memory_order_release);
  }

 private:
  ring_view ring_;
  std::uint64_t head_ = 0;  // its own
  std::uint64_t seen_tail_ = 0;
  bool corrupt_ = false;
};

}  // namespace fanout::detail
