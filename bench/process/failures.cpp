// SPDX-License-Identifier: Apache-2.0
// When a task ends its worker: how long until its future has failed, and until the next task is done, which the
// worker's replacement runs; from the task's last moment on. And how long after its time is over the future of a task
// that does not end has failed.
#include <benchmark/benchmark.h>

#include <chrono>
#include <csignal>
#include <thread>

#include "fanout/fanout.hpp"
#include "measures.hpp"
#include "slate.hpp"

namespace {

using std::chrono::steady_clock;
using namespace std::chrono_literals;

int crash(slate_name name, int signal) {
  slate(name).note();
  if (signal == SIGSEGV) {
    int* volatile nowhere = nullptr;
    *nowhere = 1;
  }
  ::kill(::getpid(), signal);
  return 0;
}

int one() { return 1; }

void crash_by(benchmark::State& state, int signal) {
  const slate s;
  fanout::process_pool pool(1);
  samples failed, next;
  const auto round = [&](bool counts) {
    std::this_thread::sleep_for(until_asleep);
    s.wipe();
    auto doomed = pool.submit(crash, s.name(), signal);
    auto waiting = pool.submit(one);
    bool right = false;
    try {
      doomed.get();
    } catch (const fanout::worker_died& death) {
      right = death.signal() == signal;
    }
    const auto now = steady_clock::now();
    right = waiting.get() == 1 && right;
    if (!right) return state.SkipWithError("wrong result");
    const auto crashed = s.at(0);
    if (!counts) return;
    failed.add(std::chrono::duration<double, std::micro>(now - crashed).count());
    next.add(microseconds_since(crashed));
  };
  for (int i = 0; i < 3; ++i) round(false);
  for (auto _ : state) round(true);
  state.counters["failed_p50_us"] = failed.median();
  state.counters["failed_p99_us"] = failed.quantile(0.99);
  state.counters["next_p50_us"] = next.median();
  state.counters["next_p99_us"] = next.quantile(0.99);
}

// The time of an iteration says nothing, the counters do.
BENCHMARK_CAPTURE(crash_by, segv, SIGSEGV)->Iterations(50)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(crash_by, kill, SIGKILL)->Iterations(50)->UseRealTime()->Unit(benchmark::kMillisecond);

/// Far beyond its time, though not for ever.
[[maybe_unused]] int stay(slate_name name, bool compute) {
  slate(name).note();
  const auto end = steady_clock::now() + 5s;
  while (steady_clock::now() < end) {
    if (!compute) std::this_thread::sleep_for(5s);
  }
  return 1;
}

template <class Options = fanout::process_pool_options>
void timeout(benchmark::State& state, bool compute) {
  if constexpr (requires(Options options) { options.task_timeout; }) {
    constexpr auto limit = 20ms;
    Options options;
    options.workers = 1;
    options.task_timeout = limit;
    fanout::process_pool pool(options);
    const slate s;
    samples late;
    for (auto _ : state) {
      s.wipe();
      auto doomed = pool.submit(stay, s.name(), compute);
      try {
        doomed.get();
        state.SkipWithError("it was not timed out");
        break;
      } catch (const fanout::timed_out&) {
        late.add(microseconds_since(s.at(0) + limit));
      }
    }
    state.counters["late_p50_us"] = late.median();
    state.counters["late_p99_us"] = late.quantile(0.99);
  } else {
    state.SkipWithError("process_pool_options has no task_timeout");
  }
}

void timeout_of(benchmark::State& state, bool compute) { timeout(state, compute); }
BENCHMARK_CAPTURE(timeout_of, sleeping, false)->Iterations(30)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(timeout_of, computing, true)->Iterations(30)->UseRealTime()->Unit(benchmark::kMillisecond);

}  // namespace
