// SPDX-License-Identifier: Apache-2.0
// Frames through a ring. One that fits is put there whole, and read where it lies; a larger one goes through in pieces.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <utility>

#include "fanout/detail/byte_buffer.hpp"
#include "fanout/detail/memory_block.hpp"
#include "ring.hpp"
#include "wire.hpp"

namespace fanout::detail {

struct frame {
  frame_header header;
  std::span<const std::byte> body;  // valid until the next next() or release(); its writer may still change it
  std::span<const std::byte> rest;  // of the body, if that lies in a slab: see slab_receiver::complete()
  std::span<const arrived_block> blocks = {};  // that the body names; valid as long as that
};

/// The kind of a frame of which the rest lies in a slab; itself, if there is no such.
constexpr frame_kind in_slab(frame_kind kind) noexcept {
  if (kind == frame_kind::run) return frame_kind::run_in_slab;
  if (kind == frame_kind::value) return frame_kind::value_in_slab;
  return kind == frame_kind::error ? frame_kind::error_in_slab : kind;
}
/// And back.
constexpr frame_kind in_ring(frame_kind kind) noexcept {
  if (kind == frame_kind::run_in_slab) return frame_kind::run;
  if (kind == frame_kind::value_in_slab) return frame_kind::value;
  return kind == frame_kind::error_in_slab ? frame_kind::error : kind;
}

/// The reader's side. Believes of a length only as much as has arrived.
class frame_source {
 public:
  frame_source() noexcept = default;
  explicit frame_source(const ring_view& ring) noexcept : ring_(ring) {}

  /// The next whole frame, if there is one. Gives the room of the one before back. Throws std::bad_alloc.
  std::optional<frame> next();
  /// Gives the room of the last frame back, and memory that only that needed.
  void release() noexcept;

  /// Is there anything for next() to look at?
  bool has_news() const noexcept { return !corrupt() && !ring_.empty(); }
  /// The other side has overwritten its memory: nothing more will come.
  bool corrupt() const noexcept { return corrupt_ || ring_.corrupt(); }
  /// Was room given back since this was last asked?
  bool gave_room() noexcept { return std::exchange(gave_room_, false); }

 private:
  void take(std::size_t count) noexcept;
  std::optional<frame> next_short(std::uint64_t word, std::span<const std::byte> there) noexcept;
  std::optional<frame> gather();
  std::optional<frame> give_up() noexcept;

  static constexpr std::size_t largest_kept = std::size_t{1} << 20;
  static constexpr std::uint64_t largest = std::uint64_t{1} << 48;

  ring_reader ring_;
  std::size_t in_place_ = 0;  // bytes of the frame that was handed out where it lies
  bool gathering_ = false;    // gathered_ is part of a frame, or the whole one that was handed out
  bool corrupt_ = false;
  bool gave_room_ = false;
  frame_header header_;  // of that frame
  byte_buffer gathered_;
};

/// The writer's side: puts what fits, and says how much that was.
class frame_sink {
 public:
  frame_sink() noexcept = default;
  explicit frame_sink(const ring_view& ring) noexcept : ring_(ring) {}

  /// A frame under way: the header, and its body in two parts.
  struct outgoing {
    frame_header header;
    std::span<const std::byte> first, second;
    std::size_t sent = 0;

    std::size_t size() const noexcept { return sizeof header + first.size() + second.size(); }
    bool done() const noexcept { return sent == size(); }
  };

  /// Goes on with it as far as there is room, and publishes that. True: all of it is there.
  bool put(outgoing& what) noexcept;
  /// The same of a short frame, which is put there whole, or not at all.
  bool put_short(std::span<const std::byte> body) noexcept;
  /// Would put() get on?
  bool has_room_for(const outgoing& what) noexcept { return ring_.room() >= least_step(what); }
  /// The reader has done with all that was put there.
  bool all_was_taken() noexcept { return ring_.room() == ring_.capacity(); }

 private:
  std::size_t least_step(const outgoing& what) const noexcept;
  void put_part(std::span<const std::byte> part, std::size_t begin, outgoing& what, std::size_t& room) noexcept;

  ring_writer ring_;
};

}  // namespace fanout::detail
