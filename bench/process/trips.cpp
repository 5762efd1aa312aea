// SPDX-License-Identifier: Apache-2.0
// One task to a pool of processes and its result back to main, which waits for it, or to a coroutine that awaits it:
// when all have been idle for half a millisecond, and when the pool has just done the same. Beside what the system
// needs to wake a process and be woken by it.
#include <benchmark/benchmark.h>

#include <chrono>
#include <vector>

#include "contest.hpp"
#include "fanout/fanout.hpp"
#include "raw_processes.hpp"

namespace {

using std::chrono::steady_clock;

int one() { return 1; }

fanout::task<bool> await_row(fanout::process_pool& pool, const row& r, samples& times) {
  bool right = true;
  for (std::size_t i = 0; i < r.trips; ++i) {
    if (r.idle.count() > 0) co_await fanout::sleep(r.idle);
    const auto began = steady_clock::now();
    right = co_await pool.submit(one) == 1 && right;
    const std::chrono::duration<double, std::micro> time = steady_clock::now() - began;
    if (i >= r.unmeasured) times.add(time.count());
  }
  co_return right;
}

void run(benchmark::State& state, const row& r) {
  const raw::shared_memory memory(sizeof(int));
  int& answer = *static_cast<int*>(memory.data());
  raw::process process([&] { answer = one(); });
  fanout::process_pool pool(workers);
  fanout::event_loop loop;
  contest c(state,
            {measured("raw",
                      [&] {
                        answer = 0;
                        process.tell();
                        process.wait();
                        return answer == 1;
                      }),
             measured("fanout", [&] { return pool.submit(one).get() == 1; }),
             {"awaited", [&](const row& mine, samples& times) { return loop.run(await_row(pool, mine, times)); }}});
  for (int i = 0; i < 5; ++i) c.round({.unmeasured = r.trips, .trips = r.trips});
  for (auto _ : state) c.round(r);
  c.report();
}

void trips_idle(benchmark::State& state) {
  run(state, {.unmeasured = 1, .trips = 11, .idle = std::chrono::microseconds(500)});
}
void trips_back_to_back(benchmark::State& state) { run(state, {.unmeasured = 10, .trips = 110}); }

// The time of an iteration says nothing, the counters do.
BENCHMARK(trips_idle)->Iterations(60)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK(trips_back_to_back)->Iterations(30)->UseRealTime()->Unit(benchmark::kMillisecond);

}  // namespace
