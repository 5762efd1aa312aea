// SPDX-License-Identifier: Apache-2.0
// The same for ten million ints: in place, and into a new vector.
#include <benchmark/benchmark.h>
#include <oneapi/tbb/blocked_range.h>
#include <oneapi/tbb/parallel_for.h>

#include <algorithm>
#include <cstddef>
#include <vector>

#include "fanout/fanout.hpp"
#include "measures.hpp"
#include "openmp_team.hpp"
#include "raw_threads.hpp"
#include "tbb_pool.hpp"

namespace {

constexpr std::size_t many = 10'000'000;

template <class AddOne>
void measure(benchmark::State& state, AddOne add_one_to_all) {
  std::vector<int> v(many);
  add_one_to_all(v);
  int expected = 1;
  for (auto _ : state) {
    add_one_to_all(v);
    ++expected;
    benchmark::ClobberMemory();
  }
  if (std::ranges::any_of(v, [&](int x) { return x != expected; })) state.SkipWithError("wrong result");
  report_each(state, many);
}

void add_one(int* begin, int* end) {
  for (int* x = begin; x != end; ++x) *x += 1;
}

// A template, since the pool may not have it yet.
template <class Pool>
void for_each_if_there(benchmark::State& state, Pool& pool) {
  const auto f = [](int& x) { x += 1; };
  if constexpr (requires(std::vector<int>& v) { pool.for_each(f, v); }) {
    measure(state, [&](std::vector<int>& v) { pool.for_each(f, v); });
  } else {
    state.SkipWithError("thread_pool has no for_each yet");
  }
}
void for_each_fanout(benchmark::State& state) {
  fanout::thread_pool pool(workers);
  for_each_if_there(state, pool);
}

void tbb_for_each(std::vector<int>& v) {
  int* const data = v.data();
  tbb::parallel_for(tbb::blocked_range<std::size_t>(0, v.size()),
                    [data](const auto& part) { add_one(data + part.begin(), data + part.end()); });
}
void for_each_tbb(benchmark::State& state) {
  tbb_pool pool;
  measure(state, [&](std::vector<int>& v) { pool.run([&v] { tbb_for_each(v); }); });
}
// Main takes part, beside one worker.
void for_each_tbb_main(benchmark::State& state) {
  const tbb::global_control limit(tbb::global_control::max_allowed_parallelism, workers);
  tbb::task_arena arena(static_cast<int>(workers));
  measure(state, [&](std::vector<int>& v) { arena.execute([&v] { tbb_for_each(v); }); });
}
void for_each_openmp(benchmark::State& state) {
  const openmp_team team;
  measure(state, [](std::vector<int>& v) {
    int* const data = v.data();
    const std::size_t n = v.size();
#pragma omp parallel for
    for (std::size_t i = 0; i < n; ++i) data[i] += 1;
  });
}
void for_each_raw(benchmark::State& state) {
  raw::pair threads;
  measure(state, [&](std::vector<int>& v) {
    threads.run([&](unsigned half) {
      int* const data = v.data();
      const std::size_t n = v.size();
      add_one(data + half * n / 2, data + (half + 1) * n / 2);
    });
  });
}
BENCHMARK(for_each_fanout)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK(for_each_tbb)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK(for_each_tbb_main)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK(for_each_openmp)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK(for_each_raw)->UseRealTime()->Unit(benchmark::kMillisecond);

int plus_one(int x) { return x + 1; }

/// The reference: a vector as one makes it, and then both threads fill it. Most of this is the pages of the new vector,
/// which std::vector fills with zeros on one thread.
std::vector<int> map_raw(raw::pair& threads, const std::vector<int>& inputs) {
  std::vector<int> results(inputs.size());
  threads.run([&](unsigned half) {
    const std::size_t begin = half * inputs.size() / 2, end = (half + 1) * inputs.size() / 2;
    std::transform(inputs.data() + begin, inputs.data() + end, results.data() + begin, plus_one);
  });
  return results;
}

void map_in_turns(benchmark::State& state) {
  fanout::thread_pool pool(workers);
  raw::pair threads;
  std::vector<int> inputs(many);
  for (std::size_t i = 0; i < many; ++i) inputs[i] = static_cast<int>(i);

  samples fanout_ns, raw_ns, ratios;
  const auto timed = [&](auto&& make) {  // not what it takes to free them
    std::vector<int> results;
    const double time = microseconds([&] { results = make(); });
    if (results.size() != many || results[0] != 1 || results[many - 1] != static_cast<int>(many)) {
      state.SkipWithError("wrong result");
    }
    return time;
  };
  const auto with_fanout = [&] { return timed([&] { return pool.map(plus_one, inputs).get(); }); };
  const auto with_threads = [&] { return timed([&] { return map_raw(threads, inputs); }); };
  with_threads();
  with_fanout();
  bool fanout_first = false;
  for (auto _ : state) {
    fanout_first = !fanout_first;
    double fanout_us = fanout_first ? with_fanout() : 0;
    const double raw_us = with_threads();
    if (!fanout_first) fanout_us = with_fanout();
    fanout_ns.add(1e3 * fanout_us / many);
    raw_ns.add(1e3 * raw_us / many);
    ratios.add(fanout_us / raw_us);
  }
  state.counters["fanout_ns"] = fanout_ns.median();
  state.counters["raw_ns"] = raw_ns.median();
  state.counters["ratio"] = ratios.median();
}
// The time of an iteration says nothing, the counters do.
BENCHMARK(map_in_turns)->Iterations(11)->UseRealTime()->Unit(benchmark::kMillisecond);

}  // namespace
