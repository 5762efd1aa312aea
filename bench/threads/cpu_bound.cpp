// SPDX-License-Identifier: Apache-2.0
// Two tasks that only compute, a tenth of a second each, on two workers: how near to two threads that do nothing else?
// All take turns within one benchmark; the ratios are those of a turn.
#include <benchmark/benchmark.h>

#include <array>
#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_future.hpp>
#include <cstdint>
#include <functional>
#include <future>
#include <string>

#include "fanout/fanout.hpp"
#include "measures.hpp"
#include "openmp_team.hpp"
#include "raw_threads.hpp"
#include "tbb_pool.hpp"

namespace {

namespace asio = boost::asio;

__extension__ using wide = unsigned __int128;

constexpr std::uint64_t terms = 160'000'000;

/// The sum of the squares below `n`. Compilers know the formula for that, so they must not see that i counts.
[[gnu::noinline]] wide sum_of_squares(std::uint64_t n) {
  wide sum = 0;
  for (std::uint64_t i = 0; i < n; ++i) {
    std::uint64_t x = i;
    asm volatile("" : "+r"(x));
    sum += static_cast<wide>(x) * x;
  }
  return sum;
}

bool work() {
  constexpr wide n = terms;
  return sum_of_squares(terms) == (n - 1) * n * (2 * n - 1) / 6;
}

void cpu_bound(benchmark::State& state) {
  raw::pair threads;
  fanout::thread_pool fanout_pool(workers);
  tbb_pool tbb;
  asio::thread_pool asio_pool(workers);
  const openmp_team team(0);  // it would spin while others are measured

  struct contestant {
    std::string name;
    std::function<bool()> run_two;
    samples times = {}, speeds = {};
    double time = 0;
  };
  const auto both = [](auto&& submit) {
    auto a = submit(), b = submit();
    const bool right = a.get();
    return b.get() && right;
  };
  std::array<contestant, 7> all = {{
      {"raw",
       [&] {
         std::array<bool, 2> right{};
         threads.run([&](unsigned i) { right[i] = work(); });
         return right[0] && right[1];
       }},
      {"serial", [] { return work() && work(); }},
      {"fanout", [&] { return both([&] { return fanout_pool.submit(work); }); }},
      {"tbb", [&] { return both([&] { return tbb.submit(work); }); }},
      {"asio", [&] { return both([&] { return asio::post(asio_pool, asio::use_future(work)); }); }},
      {"async", [&] { return both([] { return std::async(std::launch::async, work); }); }},
      {"openmp",
       [] {
         bool right = true;
#pragma omp parallel for reduction(&& : right)
         for (int i = 0; i < 2; ++i) right = right && work();
         return right;
       }},
  }};

  std::size_t rounds = 0;
  for (auto _ : state) {
    for (std::size_t i = 0; i < all.size(); ++i) {
      contestant& c = all[(i + rounds) % all.size()];
      c.time = microseconds([&] {
        if (!c.run_two()) state.SkipWithError("wrong result");
      });
    }
    ++rounds;
    for (contestant& c : all) {
      c.times.add(c.time);
      c.speeds.add(all[0].time / c.time);
    }
  }
  for (contestant& c : all) {
    state.counters[c.name + "_ms"] = c.times.median() / 1e3;
    state.counters[c.name + "_of_raw"] = c.speeds.median();  // 1: as fast as the two threads
  }
}
// The time of an iteration says nothing, the counters do.
BENCHMARK(cpu_bound)->Iterations(5)->UseRealTime()->Unit(benchmark::kMillisecond);

}  // namespace
