// SPDX-License-Identifier: Apache-2.0
// In how many ways can twelve queens stand on a board of that size, none threatening another? A task for each that can
// be placed, down to the last: 856,188 of them, each of which does a little.
#include <benchmark/benchmark.h>
#include <oneapi/tbb/task_group.h>

#include <array>
#include <cstddef>
#include <vector>

#include "fanout/fanout.hpp"
#include "measures.hpp"
#include "tbb_pool.hpp"

namespace {

constexpr std::size_t size = 12;
constexpr int ways = 14'200;

/// The column of the queen in each row, of those rows that have one.
using board = std::array<signed char, size>;

bool may_stand(const board& b, std::size_t row, int column) {
  for (std::size_t r = 0; r < row; ++r) {
    const int apart = column - b[r], rows = static_cast<int>(row - r);
    if (apart == 0 || apart == rows || apart == -rows) return false;
  }
  return true;
}
board with(board b, std::size_t row, int column) {
  b[row] = static_cast<signed char>(column);
  return b;
}

template <class Run>
void measure(benchmark::State& state, Run run) {
  if (run() != ways) state.SkipWithError("wrong result");
  for (auto _ : state) benchmark::DoNotOptimize(run());
}

fanout::task<int> place(board b, std::size_t row) {
  if (row == size) co_return 1;
  std::vector<fanout::task<int>> tries;
  tries.reserve(size);
  for (int column = 0; column < static_cast<int>(size); ++column) {
    if (may_stand(b, row, column)) tries.push_back(place(with(b, row, column), row + 1));
  }
  int sum = 0;
  for (const int x : co_await fanout::gather(std::move(tries))) sum += x;
  co_return sum;
}
void nqueens_fanout(benchmark::State& state) {
  fanout::thread_pool pool(workers);
  measure(state, [&] { return pool.run(place({}, 0)); });
}

int place_tbb(const board& b, std::size_t row) {
  if (row == size) return 1;
  std::array<int, size> sums{};
  tbb::task_group group;
  for (int column = 0; column < static_cast<int>(size); ++column) {
    if (!may_stand(b, row, column)) continue;
    group.run([&sum = sums[static_cast<std::size_t>(column)], next = with(b, row, column), row] {
      sum = place_tbb(next, row + 1);
    });
  }
  group.wait();
  int sum = 0;
  for (const int x : sums) sum += x;
  return sum;
}
void nqueens_tbb(benchmark::State& state) {
  tbb_pool pool;
  measure(state, [&] { return pool.run([] { return place_tbb({}, 0); }); });
}
void nqueens_in_turns(benchmark::State& state) {
  fanout::thread_pool pool(workers);
  tbb_pool tbb;
  in_turns(
      state, [&] { return microseconds([&] { benchmark::DoNotOptimize(pool.run(place({}, 0))); }); },
      [&] { return microseconds([&] { benchmark::DoNotOptimize(tbb.run([] { return place_tbb({}, 0); })); }); });
}
BENCHMARK(nqueens_in_turns)->Iterations(11)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK(nqueens_fanout)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK(nqueens_tbb)->UseRealTime()->Unit(benchmark::kMillisecond);

}  // namespace
