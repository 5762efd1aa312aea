// SPDX-License-Identifier: Apache-2.0
// What the benchmarks here have in common: how figures are taken and reported.
#pragma once

#include <benchmark/benchmark.h>

#include <chrono>
#include <cstddef>
#include <thread>

#include "samples.hpp"
#include "workers.hpp"

inline double microseconds_since(std::chrono::steady_clock::time_point then) {
  return std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - then).count();
}

/// Microseconds that f() takes.
template <class F>
double microseconds(F&& f) {
  const auto began = std::chrono::steady_clock::now();
  f();
  return microseconds_since(began);
}

// So long that whoever spins for a while before he sleeps has gone to sleep: LLVM's OpenMP apart, all do within 1 ms.
inline constexpr auto until_asleep = std::chrono::milliseconds(2);

/// Two that are to be compared, in turns, so that a disturbance of the machine hits both; who is first changes. Each
/// returns how long it took. Reports the medians, and that of the ratios of each turn: compare by this one. The time of
/// an iteration says nothing.
template <class Ours, class Theirs>
void in_turns(benchmark::State& state, Ours ours, Theirs theirs) {
  const auto take = [](auto& f) {
    std::this_thread::sleep_for(until_asleep);
    return f();
  };
  take(ours);
  take(theirs);
  samples our_times, their_times, ratios;
  bool ours_first = false;
  for (auto _ : state) {
    ours_first = !ours_first;
    double our_time = ours_first ? take(ours) : 0;
    const double their_time = take(theirs);
    if (!ours_first) our_time = take(ours);
    our_times.add(our_time);
    their_times.add(their_time);
    ratios.add(our_time / their_time);
  }
  state.counters["ours_us"] = our_times.median();
  state.counters["theirs_us"] = their_times.median();
  state.counters["ratio"] = ratios.median();
}

/// Each iteration did `n` things: reports the time that one takes, as the counter `each`, in seconds.
inline void report_each(benchmark::State& state, std::size_t n) {
  state.counters["each"] = benchmark::Counter(
      static_cast<double>(n), benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
}
