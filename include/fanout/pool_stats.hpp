// SPDX-License-Identifier: Apache-2.0
// What a pool is doing, and has done.
#pragma once

#include <cstddef>
#include <cstdint>

namespace fanout {

/// Read without stopping anybody: each number is right, but they are not of one instant.
struct pool_stats {
  unsigned workers = 0;         ///< that may work at the same time
  unsigned threads = 0;         ///< that there are: more than workers where tasks have waited for each other for long;
                                ///< of a process_pool: its worker processes, those that come or leave included
  unsigned busy = 0;            ///< workers that run something, or look for something to run
  std::size_t queued = 0;       ///< given to the pool and not begun
  std::uint64_t completed = 0;  ///< run to their end: tasks, parts of maps, and steps of coroutines between two awaits;
                                ///< by a process_pool: tasks and items of maps, those that failed included
  std::uint64_t stolen = 0;     ///< of those, how many one worker took from another
  std::uint64_t sleeps = 0;     ///< how often a worker found nothing to do and went to sleep
  // Of a process_pool alone:
  std::uint64_t started = 0;  ///< workers that have come to be ready, the first ones included
  std::uint64_t died = 0;     ///< tasks and items whose worker died or was killed while it ran them
  std::uint64_t retried = 0;  ///< of those, how many were run again
};

}  // namespace fanout
