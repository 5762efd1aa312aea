// SPDX-License-Identifier: Apache-2.0
// Two threads, or two processes, that take turns: every turn is a switch of the operating system.
#pragma once

#include <cstddef>
#include <cstdint>

#include "lab/costs/effort.hpp"

namespace lab::costs {

struct ping_pong {
  enum class signal { futex, pipe };           // how one tells the other that it is its turn
  enum class partner { thread, process };      // processes tell each other through pipes only
  enum class placement { one_cpu, two_cpus };  // always pinned
  signal by = signal::futex;
  partner with = partner::thread;
  placement on = placement::one_cpu;
  std::size_t touched = 0;  // bytes that each works on in its turn
};

/// What so many turns have taken.
struct turns_taken {
  /// On one CPU the CPU time of both: that is the wall time, less what others do on that CPU. On two the wall time.
  double seconds = 0;
  /// Of both threads, as the kernel counts them. A thread that is woken may run before its waker waits: then the switch
  /// is involuntary, and the waker need not wait any more. Partners that are processes count the first alone.
  std::int64_t voluntary = 0, involuntary = 0;
};

/// Turns of both together; an odd number is rounded up. Throws not_measurable.
turns_taken play(const ping_pong& game, unsigned turns);

/// CPU time for the same system calls, and the same work in memory of its own, by one thread that need not wait.
double play_alone(const ping_pong& game, unsigned turns);

/// Per switch, without what one thread alone needs for the same.
measurement measure_switch(const effort& much, const ping_pong& game);

}  // namespace lab::costs
