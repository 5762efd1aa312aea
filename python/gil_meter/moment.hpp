// SPDX-License-Identifier: Apache-2.0
// Where a thread's time goes: to a CPU, to waiting for one, to the rest.
#pragma once

#include <cstdint>

namespace fanout_gil {

/// Where the time of the calling thread has gone until now, in nanoseconds. `queued`: runnable without a CPU; 0 if the
/// kernel does not tell.
struct moment {
  std::uint64_t wall, cpu, queued;
};

/// The first two alone, which cost little: `queued` takes a read of a file that the kernel writes anew.
std::uint64_t wall_ns();
std::uint64_t cpu_ns();

/// `schedstat` is the thread's own, -1 at first: the descriptor that tells `queued`, kept open for the next time.
moment now(int& schedstat);

/// Closes it and makes it -1.
void close_schedstat(int& schedstat);

}  // namespace fanout_gil
