// SPDX-License-Identifier: Apache-2.0
// The threads that have waited for the interpreter's lock, and what each has counted.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "gil_meter.hpp"
#include "moment.hpp"

namespace fanout_gil {

inline constexpr auto relaxed = std::memory_order_relaxed;

/// What one thread has counted. Written by that thread only, read by any.
struct counts {
  std::atomic<std::uint64_t> waited_ns{0}, hand_over_ns{0}, queued_ns{0}, waits{0}, longest_ns{0};

  static void add(std::atomic<std::uint64_t>& sum, std::uint64_t more) { sum.store(sum.load(relaxed) + more, relaxed); }
  void note_longest(std::uint64_t ns) {
    if (ns > longest_ns.load(relaxed)) longest_ns.store(ns, relaxed);
  }
  void add(const counts& other) {
    add(waited_ns, other.waited_ns.load(relaxed));
    add(hand_over_ns, other.hand_over_ns.load(relaxed));
    add(queued_ns, other.queued_ns.load(relaxed));
    add(waits, other.waits.load(relaxed));
    note_longest(other.longest_ns.load(relaxed));
  }
  void clear() {
    for (auto* each : {&waited_ns, &hand_over_ns, &queued_ns, &waits, &longest_ns}) each->store(0, relaxed);
  }
  fanout_gil_waits read(std::int32_t thread) const {
    return {.thread = thread,
            .waited_ns = waited_ns.load(relaxed),
            .hand_over_ns = hand_over_ns.load(relaxed),
            .queued_ns = queued_ns.load(relaxed),
            .waits = waits.load(relaxed),
            .longest_ns = longest_ns.load(relaxed)};
  }
};

/// Entries are never freed, only used again: a reader needs no thread to be alive.
struct waiting_thread {
  explicit waiting_thread(waiting_thread* others) : next(others) {}

  waiting_thread* next;     // in the list of all
  std::int32_t thread = 0;  // its kernel id; 0: the entry is free
  int schedstat = -1;       // kept open; -1: not
  counts counted;

  // The acquisition that the thread is at, or was last: waits, between which it asks the holder for the lock.
  moment acquisition_began{};
  std::uint64_t acquisition_ns = 0;     // asleep or queued, in its waits
  std::uint64_t cpu_ns_when_asked = 0;  // after the last time-out; 0: its last wait was not one
};

/// Once, before any of the following.
void watch_threads_and_forks();

/// The calling thread's entry, made when it is first asked for; null if that cannot be.
waiting_thread* this_thread();

/// As the functions of gil_meter.hpp.
fanout_gil_waits read_mine();
std::size_t read_all(fanout_gil_waits* waits, std::size_t size);

}  // namespace fanout_gil
