// SPDX-License-Identifier: Apache-2.0
// When a task ends its worker: how long until its future has failed, and until the next task is done, which the
// worker's replacement runs; from the task's last moment on. The same of the nanny, whose end is that of all its
// workers: from the moment on in which it is killed. And how long after its time is over the future of a task that does
// not end has failed.
#include <benchmark/benchmark.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <thread>
#include <utility>

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

/// Microseconds from `since` on until a task has failed, and until the next one is done.
struct recovery {
  samples failed, next;

  /// False: not with the error that `is_right` takes, or the next one's result is wrong.
  template <class IsRight>
  bool add(fanout::future<int> doomed, fanout::future<int> waiting, const auto& since, const IsRight& is_right) {
    bool right = false;
    try {
      doomed.get();
    } catch (const fanout::worker_died& death) {
      right = is_right(death);
    }
    const auto failed_at = steady_clock::now();
    right = waiting.get() == 1 && right;
    const auto done_at = steady_clock::now();
    failed.add(std::chrono::duration<double, std::micro>(failed_at - since()).count());
    next.add(std::chrono::duration<double, std::micro>(done_at - since()).count());
    return right;
  }

  void report(benchmark::State& state) {
    state.counters["failed_p50_us"] = failed.median();
    state.counters["failed_p99_us"] = failed.quantile(0.99);
    state.counters["next_p50_us"] = next.median();
    state.counters["next_p99_us"] = next.quantile(0.99);
  }
};

void crash_by(benchmark::State& state, int signal) {
  const slate s;
  fanout::process_pool pool(1);
  recovery measured;
  for (auto _ : state) {
    std::this_thread::sleep_for(until_asleep);
    s.wipe();
    auto doomed = pool.submit(crash, s.name(), signal);
    auto waiting = pool.submit(one);
    if (!measured.add(
            std::move(doomed), std::move(waiting), [&] { return s.at(0); },
            [&](const fanout::worker_died& death) { return death.signal() == signal; }))
      return state.SkipWithError("wrong result");
  }
  measured.report(state);
}

// The time of an iteration says nothing, the counters do.
BENCHMARK_CAPTURE(crash_by, segv, SIGSEGV)->Iterations(50)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(crash_by, kill, SIGKILL)->Iterations(50)->UseRealTime()->Unit(benchmark::kMillisecond);

/// Far beyond its time, though not for ever.
int stay(slate_name name, bool compute) {
  slate(name).note();
  const auto end = steady_clock::now() + 5s;
  while (steady_clock::now() < end) {
    if (!compute) std::this_thread::sleep_for(5s);
  }
  return 1;
}

/// It is the workers' parent.
pid_t nanny() { return ::getppid(); }

void nanny_killed(benchmark::State& state) {
  const slate s;
  fanout::process_pool pool(1);
  recovery measured;
  for (auto _ : state) {
    const pid_t victim = pool.submit(nanny).get();
    s.wipe();
    auto doomed = pool.submit(stay, s.name(), false);
    auto waiting = pool.submit(one);
    if (!s.wait_for(1)) return state.SkipWithError("the task does not begin");
    const auto killed = steady_clock::now();
    ::kill(victim, SIGKILL);
    if (!measured.add(
            std::move(doomed), std::move(waiting), [&] { return killed; },
            [](const fanout::worker_died&) { return true; }))
      return state.SkipWithError("wrong result");
  }
  measured.report(state);
}
BENCHMARK(nanny_killed)->Iterations(50)->UseRealTime()->Unit(benchmark::kMillisecond);

void timeout_of(benchmark::State& state, bool compute) {
  constexpr auto limit = 20ms;
  fanout::process_pool pool({.workers = 1, .task_timeout = limit});
  const slate s;
  samples late;
  for (auto _ : state) {
    s.wipe();
    auto doomed = pool.submit(stay, s.name(), compute);
    try {
      doomed.get();
      return state.SkipWithError("it was not timed out");
    } catch (const fanout::timed_out&) {
      late.add(microseconds_since(s.at(0) + limit));
    }
  }
  state.counters["late_p50_us"] = late.median();
  state.counters["late_p99_us"] = late.quantile(0.99);
}
BENCHMARK_CAPTURE(timeout_of, sleeping, false)->Iterations(30)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(timeout_of, computing, true)->Iterations(30)->UseRealTime()->Unit(benchmark::kMillisecond);

}  // namespace
