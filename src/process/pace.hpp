// SPDX-License-Identifier: Apache-2.0
// How fast a pool's items are done, and how many of a map a worker is given at a time for that.
#pragma once

#include <chrono>
#include <cstddef>
#include <unordered_map>

#include "fanout/detail/remote_work.hpp"
#include "fanout/duration.hpp"

namespace fanout::detail {

inline constexpr duration work_per_chunk = std::chrono::microseconds(500);  // enough to make the hand-over cheap
/// While much is left: ends of chunks wake the program.
inline constexpr duration work_per_long_chunk = std::chrono::milliseconds(1);

/// How long items of one function take, as seen so far: of the tasks of a pool, by what they call.
class pace_table {
 public:
  /// 0: not known.
  duration of(const call_target& target) const noexcept;
  void note(const call_target& target, duration item);

 private:
  struct hash {
    std::size_t operator()(const call_target& t) const noexcept;
  };
  struct same {
    bool operator()(const call_target& a, const call_target& b) const noexcept;
  };
  std::unordered_map<call_target, duration, hash, same> items_;
};

/// How many items a chunk has whose size nobody has set, if one takes `item` (0: not known) and a worker's share of
/// what is left is so many: work for a while, and little enough of the share that all workers end at about the same
/// time.
std::size_t own_chunk(duration item, std::size_t share) noexcept;

}  // namespace fanout::detail
