// SPDX-License-Identifier: Apache-2.0
// The same for ten million ints: in place, and into a new vector.
#include <benchmark/benchmark.h>
#include <malloc.h>
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

void fanout_for_each(fanout::thread_pool& pool, std::vector<int>& v) {
  pool.for_each([](int& x) { x += 1; }, v);
}
void for_each_fanout(benchmark::State& state) {
  fanout::thread_pool pool(workers);
  measure(state, [&](std::vector<int>& v) { fanout_for_each(pool, v); });
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
void for_each_in_turns(benchmark::State& state) {
  fanout::thread_pool pool(workers);
  tbb_pool tbb;
  std::vector<int> v(many);
  const auto some = [](auto&& f) {  // more than one for each time that they wake up
    constexpr int n = 10;
    return microseconds([&] {
             for (int i = 0; i < n; ++i) f();
           }) /
           n;
  };
  in_turns(
      state, [&] { return some([&] { fanout_for_each(pool, v); }); },
      [&] { return some([&] { tbb.run([&v] { tbb_for_each(v); }); }); });
}
BENCHMARK(for_each_in_turns)->Iterations(31)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK(for_each_fanout)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK(for_each_tbb)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK(for_each_tbb_main)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK(for_each_openmp)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK(for_each_raw)->UseRealTime()->Unit(benchmark::kMillisecond);

// An object, not a function: whoever calls it can see through it.
constexpr auto plus_one = [](int x) { return x + 1; };

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

  const auto timed = [&](auto&& make) {  // not what it takes to free them
    malloc_trim(0);  // the memory is new to both: not what other benchmarks left, which costs a quarter
    std::vector<int> results;
    const double time = microseconds([&] { results = make(); });
    if (results.size() != many || results[0] != 1 || results[many - 1] != static_cast<int>(many)) {
      state.SkipWithError("wrong result");
    }
    return time;
  };
  in_turns(
      state, [&] { return timed([&] { return pool.map(plus_one, inputs).get(); }); },
      [&] { return timed([&] { return map_raw(threads, inputs); }); });
}
BENCHMARK(map_in_turns)->Iterations(11)->UseRealTime()->Unit(benchmark::kMillisecond);

}  // namespace
