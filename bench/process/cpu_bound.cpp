// SPDX-License-Identifier: Apache-2.0
// 20,000 items of 10 µs of CPU time each on two workers: how near to two processes that do half of it each and nothing
// else? In turns; the ratio is that of a turn.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "fanout/fanout.hpp"
#include "measures.hpp"
#include "raw_processes.hpp"

namespace {

constexpr std::size_t items = 20'000;
constexpr double item_us = 10;

/// So many steps that nothing can shorten.
[[gnu::noinline]] std::uint64_t compute(std::uint32_t steps) {
  std::uint64_t x = steps;
  for (std::uint32_t i = 0; i < steps; ++i) {
    x = x * 6364136223846793005U + 1442695040888963407U;
    asm volatile("" : "+r"(x));
  }
  return x;
}

/// How many steps an item has: by the fastest of several runs, for what slows one down is not its own.
std::uint32_t steps_of_item() {
  constexpr std::uint32_t probe = 100'000;
  double least = std::numeric_limits<double>::max();
  for (int i = 0; i < 50; ++i) {
    least = std::min(least, microseconds([] { benchmark::DoNotOptimize(compute(probe)); }));
  }
  return static_cast<std::uint32_t>(std::lround(probe * item_us / least));
}

void cpu_bound(benchmark::State& state) {
  const std::uint32_t steps = steps_of_item();
  const std::vector<std::uint32_t> inputs(items, steps);
  const auto half = [&] {
    for (std::size_t i = 0; i < items / 2; ++i) benchmark::DoNotOptimize(compute(steps));
  };
  static_assert(workers == 2);
  raw::process one(half), other(half);
  fanout::process_pool pool(workers);
  in_turns(
      state,
      [&] {
        std::vector<std::uint64_t> results;
        const double time = microseconds([&] { results = pool.map(compute, inputs).get(); });
        if (std::ranges::count(results, compute(steps)) != std::ssize(inputs)) state.SkipWithError("wrong result");
        return time;
      },
      [&] {
        return microseconds([&] {
          one.tell();
          other.tell();
          one.wait();
          other.wait();
        });
      });
}
// The time of an iteration says nothing, the counters do.
BENCHMARK(cpu_bound)->Iterations(15)->UseRealTime()->Unit(benchmark::kMillisecond);

}  // namespace
