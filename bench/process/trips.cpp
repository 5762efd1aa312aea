// SPDX-License-Identifier: Apache-2.0
// One task to a pool of processes and its result back to main, which waits for it, or to a coroutine that awaits it:
// when all have been idle for half a millisecond, and when the pool has just done the same. Beside what the system
// needs to wake a process and be woken by it. Nobody says where processes run, and where the system puts them makes all
// the difference: so the figures are told apart too, of trips to a process on main's CPU and on another.
#include <benchmark/benchmark.h>
#include <sched.h>

#include <chrono>
#include <string>
#include <vector>

#include "contest.hpp"
#include "fanout/fanout.hpp"
#include "raw_processes.hpp"

namespace {

using std::chrono::steady_clock;

/// The task: it says where it ran.
int cpu() { return ::sched_getcpu(); }

/// Microseconds that trips took, by where they went.
struct by_place {
  samples same_cpu, other_cpu;

  /// False if it went nowhere.
  bool add(int where, double time) {
    (where == ::sched_getcpu() ? same_cpu : other_cpu).add(time);
    return where >= 0;
  }
  void report(benchmark::State& state, const std::string& name) {
    const auto same = static_cast<double>(same_cpu.size()), other = static_cast<double>(other_cpu.size());
    state.counters[name + "_same_cpu"] = same / (same + other);
    state.counters[name + "_same_cpu_us"] = same_cpu.median();  // 0: there were none
    state.counters[name + "_other_cpu_us"] = other_cpu.median();
  }
};

fanout::task<bool> await_row(fanout::process_pool& pool, by_place& places, const row& r, samples& times) {
  bool right = true;
  for (std::size_t i = 0; i < r.trips; ++i) {
    if (r.idle.count() > 0) co_await fanout::sleep(r.idle);
    const auto began = steady_clock::now();
    const int where = co_await pool.submit(cpu);
    const double time = microseconds_since(began);
    if (i >= r.unmeasured) times.add(time);
    right = places.add(where, time) && right;
  }
  co_return right;
}

void run(benchmark::State& state, const row& r) {
  const raw::shared_memory memory(sizeof(int));
  int& answer = *static_cast<int*>(memory.data());
  raw::process process([&] { answer = cpu(); });
  fanout::process_pool pool(workers);
  fanout::event_loop loop;
  by_place theirs, ours, awaited;
  contest c(
      state,
      {measured("raw",
                [&] {
                  const auto began = steady_clock::now();
                  answer = -1;
                  process.tell();
                  process.wait();
                  return theirs.add(answer, microseconds_since(began));
                }),
       measured("fanout",
                [&] {
                  const auto began = steady_clock::now();
                  const int where = pool.submit(cpu).get();
                  return ours.add(where, microseconds_since(began));
                }),
       {"awaited", [&](const row& mine, samples& times) { return loop.run(await_row(pool, awaited, mine, times)); }}});
  for (int i = 0; i < 5; ++i) c.round({.unmeasured = r.trips, .trips = r.trips});
  for (auto _ : state) c.round(r);
  c.report();
  theirs.report(state, "raw");
  ours.report(state, "fanout");
  awaited.report(state, "awaited");
}

void trips_idle(benchmark::State& state) {
  run(state, {.unmeasured = 1, .trips = 11, .idle = std::chrono::microseconds(500)});
}
void trips_back_to_back(benchmark::State& state) { run(state, {.unmeasured = 10, .trips = 110}); }

// The time of an iteration says nothing, the counters do.
BENCHMARK(trips_idle)->Iterations(60)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK(trips_back_to_back)->Iterations(30)->UseRealTime()->Unit(benchmark::kMillisecond);

}  // namespace
