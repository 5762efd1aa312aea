// SPDX-License-Identifier: Apache-2.0
// Skynet: a tree of tasks, ten from each, with a million leaves; the sum of the numbers of the leaves comes up again.
#include <benchmark/benchmark.h>
#include <oneapi/tbb/task_group.h>

#include <array>
#include <cstdint>
#include <vector>

#include "fanout/fanout.hpp"
#include "measures.hpp"
#include "tbb_pool.hpp"

namespace {

constexpr std::int64_t leaves = 1'000'000, sum_of_leaves = leaves * (leaves - 1) / 2;
constexpr std::size_t fork = 10;

template <class Run>
void measure(benchmark::State& state, Run run) {
  if (run() != sum_of_leaves) state.SkipWithError("wrong sum");
  for (auto _ : state) benchmark::DoNotOptimize(run());
}

fanout::task<std::int64_t> grow(std::int64_t first, std::int64_t size) {
  if (size == 1) co_return first;
  const std::int64_t part = size / static_cast<std::int64_t>(fork);
  std::vector<fanout::task<std::int64_t>> children;
  children.reserve(fork);
  for (std::size_t i = 0; i < fork; ++i) children.push_back(grow(first + static_cast<std::int64_t>(i) * part, part));
  std::int64_t sum = 0;
  for (const std::int64_t x : co_await fanout::gather(std::move(children))) sum += x;
  co_return sum;
}
void skynet_fanout(benchmark::State& state) {
  fanout::thread_pool pool(workers);
  measure(state, [&] { return pool.run(grow(0, leaves)); });
}

std::int64_t grow_tbb(std::int64_t first, std::int64_t size) {
  if (size == 1) return first;
  const std::int64_t part = size / static_cast<std::int64_t>(fork);
  std::array<std::int64_t, fork> sums;
  tbb::task_group group;
  for (std::size_t i = 0; i < fork; ++i) {
    group.run([&sums, i, first, part] { sums[i] = grow_tbb(first + static_cast<std::int64_t>(i) * part, part); });
  }
  group.wait();
  std::int64_t sum = 0;
  for (const std::int64_t x : sums) sum += x;
  return sum;
}
void skynet_tbb(benchmark::State& state) {
  tbb_pool pool;
  measure(state, [&] { return pool.run([] { return grow_tbb(0, leaves); }); });
}
void skynet_in_turns(benchmark::State& state) {
  fanout::thread_pool pool(workers);
  tbb_pool tbb;
  in_turns(
      state, [&] { return microseconds([&] { benchmark::DoNotOptimize(pool.run(grow(0, leaves))); }); },
      [&] { return microseconds([&] { benchmark::DoNotOptimize(tbb.run([] { return grow_tbb(0, leaves); })); }); });
}
BENCHMARK(skynet_in_turns)->Iterations(11)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK(skynet_fanout)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK(skynet_tbb)->UseRealTime()->Unit(benchmark::kMillisecond);

}  // namespace
