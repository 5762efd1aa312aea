// SPDX-License-Identifier: Apache-2.0
// How one side of a worker's channel comes to read the other's slabs.
//
//   sender:    descriptor over the socket, if the slab is not among the last that it named ──▶ frame with a slab_part
//   receiver:  frame ──▶ takes the descriptor off the socket, if the slab is not among the last that were named to it;
//              maps it, closes the descriptor
//
// Both sides keep these last few by the same rule, in the order of the frames. So neither has to tell the other what it
// has mapped, or what it may forget; and what is forgotten late costs addresses alone: its owner frees its pages.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>

#include "frames.hpp"
#include "shared_memory.hpp"
#include "slab.hpp"
#include "wire.hpp"

namespace fanout::detail {

/// The last few that were named, the latest first. An Entry has the `slab`'s number; 0: there is none.
template <class Entry>
class last_named {
 public:
  Entry* find(std::uint64_t slab) noexcept {
    const auto found = std::ranges::find(all_, slab, &Entry::slab);
    if (found == all_.end()) return nullptr;
    std::rotate(all_.begin(), found, found + 1);
    return &all_.front();
  }
  /// In place of the one that was named longest ago.
  Entry& add(Entry&& entry) noexcept {
    std::rotate(all_.begin(), all_.end() - 1, all_.end());
    return all_.front() = std::move(entry);
  }
  void forget(std::uint64_t slab) noexcept {
    const auto found = std::ranges::find(all_, slab, &Entry::slab);
    if (found == all_.end()) return;
    *found = Entry();
    std::rotate(found, found + 1, all_.end());
  }

 private:
  std::array<Entry, most_kept_slabs> all_{};
};

/// `socket` is its owner's.
class slab_sender {
 public:
  explicit slab_sender(int socket) noexcept : socket_(socket) {}

  /// For the frame that is sent next. Nothing: they are in no slab, or its descriptor cannot be sent now.
  std::optional<slab_part> name(std::span<const std::byte> bytes) noexcept;
  /// The other side could not map it, and has forgotten it.
  void forget(std::uint64_t slab) noexcept { named_.forget(slab); }

 private:
  struct named {
    std::uint64_t slab = 0;
  };
  const int socket_;
  last_named<named> named_;
};

/// Believes nothing of what the other side says, but that its own mappings are there: they cannot shrink.
class slab_receiver {
 public:
  explicit slab_receiver(int socket) noexcept : socket_(socket) {}

  enum class outcome { there, unavailable, nonsense };
  /// If the rest of the frame lies in a slab, finds it there, and makes the frame one that says so no more. Valid until
  /// release(). unavailable: it cannot be mapped, for want of descriptors or memory, nor before it was forgotten.
  outcome complete(frame& f) noexcept;
  /// Unmaps what is not left mapped.
  void release() noexcept { passing_ = mapping(); }
  /// The one that was looked for last: if it is named again, its descriptor will be sent again.
  void forget() noexcept { named_.forget(latest_); }

 private:
  struct named {
    std::uint64_t slab = 0;
    mapping memory;  // none: unavailable
  };

  outcome look(const slab_part& part, std::span<const std::byte>& bytes) noexcept;
  outcome look_at_new(const slab_part& part, std::span<const std::byte>& bytes);
  std::optional<descriptor> receive(std::uint64_t slab) noexcept;

  const int socket_;
  last_named<named> named_;
  std::uint64_t latest_ = 0;
  mapping passing_;
};

}  // namespace fanout::detail
