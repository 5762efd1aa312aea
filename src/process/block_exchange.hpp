// SPDX-License-Identifier: Apache-2.0
// How the blocks that a frame names come to the other side:
//
//   sender:    their descriptors over the socket, each block's once ──▶ frame, which says how many
//   receiver:  frame ──▶ takes so many off the socket; maps those that it does not have already
//
// They are sent with each frame anew, so neither side has to know what the other one still has: to be sent one that is
// there costs a few microseconds. Those that could not be sent, or received, are lacked by who reads what names them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "fanout/detail/memory_block.hpp"
#include "fanout/duration.hpp"

namespace fanout::detail {

/// Each block that is attached counts once.
std::size_t count_blocks(std::span<const attached_block> blocks);

/// For the frame that is sent next. Returns how many it names then. Throws std::bad_alloc.
std::uint16_t send_blocks(int socket, std::span<const attached_block> blocks);

/// What came with a frame that names so many, by their numbers. False: that makes no sense. Throws std::bad_alloc.
bool receive_blocks(int socket, std::size_t count, std::vector<arrived_block>& to);

/// The blocks that a worker was sent last. They stay mapped for a moment, since the next task may read the same: to map
/// one anew costs about as much as to copy it, page by page. No longer, since the program may want them to be freed.
class recent_blocks {
 public:
  static constexpr duration kept_for = std::chrono::milliseconds(100);

  bool empty() const noexcept { return all_.empty(); }
  /// They were used until now. Throws std::bad_alloc.
  void add(std::span<const arrived_block> blocks, time_point now);
  void drop_old(time_point now) noexcept;
  void clear() noexcept { all_.clear(); }

 private:
  static constexpr std::size_t most = 16;

  struct entry {
    block_ptr block;
    time_point used;
  };
  std::vector<entry> all_;  // the one that was used last comes last
};

}  // namespace fanout::detail
