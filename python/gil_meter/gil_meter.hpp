// SPDX-License-Identifier: Apache-2.0
// What libfanout_gil.so offers to fanout's extension. Nobody is linked with it: where it has been preloaded, the loader
// finds these functions. None of them knows Python; gil.cpp of the extension does.
#pragma once

#include <cstddef>
#include <cstdint>

/// What a thread is about to do, so that the library learns from where it waits.
enum fanout_gil_role : int {
  fanout_gil_nothing,
  fanout_gil_waiter,  ///< waits for the lock, and for nothing else
  fanout_gil_holder,  ///< gives the lock to such a waiter, and waits for nothing but that it is taken
};

/// What has been learned.
struct fanout_gil_lesson {
  bool lock;       ///< where the lock is waited for
  bool hand_over;  ///< where a holder waits until the lock was taken from it, seen, not assumed
  unsigned asked;  ///< how often a waiter has begun to wait: from the second time on the holder has been asked for it
};

/// How one thread has waited for the interpreter's lock. Times in nanoseconds; the thread slept for them: what it used
/// of a CPU meanwhile, and how long it was runnable before it got one again, is not in them.
struct fanout_gil_waits {
  std::int32_t thread;         ///< its kernel id; 0: all threads that have ended, together
  std::uint64_t waited_ns;     ///< in all
  std::uint64_t hand_over_ns;  ///< of it as a holder who was asked for the lock, until another had taken it
  std::uint64_t queued_ns;     ///< not of it: after such waits, runnable without a CPU
  std::uint64_t waits;         ///< acquisitions that had to wait
  std::uint64_t longest_ns;    ///< of them, or of the hand-overs, from start to end
};

/// What a thread has to do with the lock.
enum fanout_gil_relation : std::int32_t { fanout_gil_neither, fanout_gil_wants, fanout_gil_holds };

/// From at_ns on, on CLOCK_MONOTONIC, this is what `thread`, a kernel id, has to do with it.
struct fanout_gil_change {
  std::int32_t thread;
  fanout_gil_relation now;
  std::uint64_t at_ns;
};

extern "C" {
/// Of the calling thread, from now on. A thread with a role is not measured.
void fanout_gil_take_role(fanout_gil_role role);

/// Thread-safe.
fanout_gil_lesson fanout_gil_learned();

/// Of the calling thread.
fanout_gil_waits fanout_gil_read_mine();

/// Of the threads that have ever waited, at most `size` of them, those that have ended first and as one. Returns how
/// many there are. Thread-safe.
std::size_t fanout_gil_read_all(fanout_gil_waits* waits, std::size_t size);

/// From now on changes are kept, the first `size` of them; they cost a thread two tenths of a microsecond each. Before
/// that the lock must have been learned. False if there is no memory for them. Not thread-safe.
bool fanout_gil_watch(std::size_t size);

/// Those that have been kept, at most `size`; `read`: how many. Returns how many there were, kept or not. Thread-safe.
std::size_t fanout_gil_read_changes(fanout_gil_change* changes, std::size_t size, std::size_t* read);
}
