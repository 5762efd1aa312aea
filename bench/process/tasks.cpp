// SPDX-License-Identifier: Apache-2.0
// How many tasks a second: empty ones, each submitted and waited for by itself, to two workers and to ever more,
// however few CPUs there are; and the items of a map, in chunks as the pool chooses them.
#include <benchmark/benchmark.h>

#include <cstddef>
#include <vector>

#include "fanout/fanout.hpp"
#include "measures.hpp"

namespace {

constexpr std::size_t many = 100'000;

void nothing() {}

/// Warm: the first round, in which the workers start, is not counted.
void submit_and_get(benchmark::State& state, unsigned n) {
  fanout::process_pool pool(n);
  std::vector<fanout::future<void>> futures;
  futures.reserve(many);
  const auto round = [&](std::size_t tasks) {
    for (std::size_t i = 0; i < tasks; ++i) futures.push_back(pool.submit(nothing));
    for (auto& f : futures) f.get();
    futures.clear();
  };
  round(many / 10);
  for (auto _ : state) round(many);
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(many));
}

void submit(benchmark::State& state) { submit_and_get(state, workers); }
void submit_to_workers(benchmark::State& state) { submit_and_get(state, static_cast<unsigned>(state.range(0))); }
BENCHMARK(submit)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK(submit_to_workers)->RangeMultiplier(2)->Range(1, 64)->UseRealTime()->Unit(benchmark::kMillisecond);

int square(int x) { return x * x; }

void map(benchmark::State& state) {
  constexpr int roots = 46'341;  // of the squares that are ints
  std::vector<int> inputs(1'000'000);
  for (std::size_t i = 0; i < inputs.size(); ++i) inputs[i] = static_cast<int>(i % roots);
  fanout::process_pool pool(workers);
  std::vector<int> squares = pool.map(square, inputs).get();
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (squares.at(i) != square(inputs[i])) return state.SkipWithError("wrong result");
  }
  for (auto _ : state) squares = pool.map(square, inputs).get();
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(inputs.size()));
}
BENCHMARK(map)->UseRealTime()->Unit(benchmark::kMillisecond);

}  // namespace
