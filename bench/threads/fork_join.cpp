// SPDX-License-Identifier: Apache-2.0
// fib(30), with a fork at every call down to the last: 2.7 million calls, what each costs. And futures waited for by
// the very workers that owe them.
#include <benchmark/benchmark.h>
#include <oneapi/tbb/task_group.h>

#include <cstdint>
#include <utility>

#include "fanout/fanout.hpp"
#include "measures.hpp"
#include "openmp_team.hpp"
#include "tbb_pool.hpp"

namespace {

constexpr unsigned deep = 30, nested = 20;

constexpr std::uint64_t fib(unsigned n) {
  std::uint64_t a = 0, b = 1;
  while (n-- > 0) a = std::exchange(b, a + b);
  return a;
}
constexpr std::uint64_t calls(unsigned n) { return 2 * fib(n + 1) - 1; }
static_assert(fib(30) == 832'040 && calls(30) == 2'692'537);

template <class Run>
void measure(benchmark::State& state, unsigned n, Run run) {
  if (run(n) != fib(n)) state.SkipWithError("wrong result");
  for (auto _ : state) benchmark::DoNotOptimize(run(n));
  report_each(state, calls(n));
}

fanout::task<std::uint64_t> fanout_fib(unsigned n) {
  if (n < 2) co_return n;
  const auto [a, b] = co_await fanout::gather(fanout_fib(n - 1), fanout_fib(n - 2));
  co_return a + b;
}
void fib_fanout(benchmark::State& state) {
  fanout::thread_pool pool(workers);
  measure(state, deep, [&](unsigned n) { return pool.run(fanout_fib(n)); });
}

// The half that is not forked runs at once on the stack: oneTBB's own way to write this.
std::uint64_t tbb_fib(unsigned n) {
  if (n < 2) return n;
  std::uint64_t a, b;
  tbb::task_group group;
  group.run([&] { a = tbb_fib(n - 1); });
  b = tbb_fib(n - 2);
  group.wait();
  return a + b;
}
void fib_tbb(benchmark::State& state) {
  tbb_pool pool;
  measure(state, deep, [&](unsigned n) { return pool.run([n] { return tbb_fib(n); }); });
}
// Main takes part, beside one worker: two threads again, and nobody has to be woken for the first half.
void fib_tbb_main(benchmark::State& state) {
  const tbb::global_control limit(tbb::global_control::max_allowed_parallelism, workers);
  tbb::task_arena arena(static_cast<int>(workers));
  measure(state, deep, [&](unsigned n) { return arena.execute([n] { return tbb_fib(n); }); });
}

std::uint64_t openmp_fib(unsigned n) {
  if (n < 2) return n;
  std::uint64_t a, b;
#pragma omp task shared(a)
  a = openmp_fib(n - 1);
  b = openmp_fib(n - 2);
#pragma omp taskwait
  return a + b;
}
void fib_openmp(benchmark::State& state) {
  const openmp_team team;
  measure(state, deep, [](unsigned n) {
    std::uint64_t result = 0;
#pragma omp parallel
#pragma omp single
    result = openmp_fib(n);
    return result;
  });
}
void fib_in_turns(benchmark::State& state) {
  fanout::thread_pool pool(workers);
  tbb_pool tbb;
  in_turns(
      state, [&] { return microseconds([&] { benchmark::DoNotOptimize(pool.run(fanout_fib(deep))); }); },
      [&] { return microseconds([&] { benchmark::DoNotOptimize(tbb.run([] { return tbb_fib(deep); })); }); });
}
BENCHMARK(fib_in_turns)->Iterations(11)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK(fib_fanout)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK(fib_tbb)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK(fib_tbb_main)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK(fib_openmp)->UseRealTime()->Unit(benchmark::kMillisecond);

// The peers have nothing to put beside this: a worker of Asio that waits for a future of its pool is lost to it.
std::uint64_t nested_fib(fanout::thread_pool& pool, unsigned n) {
  if (n < 2) return n;
  auto a = pool.submit([&pool, n] { return nested_fib(pool, n - 1); });
  const std::uint64_t b = nested_fib(pool, n - 2);
  return a.get() + b;
}
void fib_nested_fanout(benchmark::State& state) {
  fanout::thread_pool pool(workers);
  measure(state, nested, [&](unsigned n) { return pool.submit([&pool, n] { return nested_fib(pool, n); }).get(); });
}
BENCHMARK(fib_nested_fanout)->UseRealTime()->Unit(benchmark::kMillisecond);

}  // namespace
