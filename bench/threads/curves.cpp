// SPDX-License-Identifier: Apache-2.0
// A million empty tasks, submitted and waited for: by one thread to ever more workers, and by ever more threads to two.
// The curve should be flat, however few CPUs there are.
#include <benchmark/benchmark.h>

#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_future.hpp>
#include <cstddef>
#include <latch>
#include <thread>
#include <type_traits>
#include <vector>

#include "fanout/fanout.hpp"
#include "measures.hpp"

namespace {

namespace asio = boost::asio;

constexpr std::size_t many = 1'000'000;

template <class Submit>
void measure(benchmark::State& state, std::size_t producers, Submit submit) {
  std::vector<std::vector<std::invoke_result_t<Submit&>>> futures(producers);
  for (auto& f : futures) f.reserve(many / producers);
  const auto produce = [&](auto& mine) {
    for (std::size_t i = 0; i < many / producers; ++i) mine.push_back(submit());
    for (auto& f : mine) f.get();
    mine.clear();
  };
  const auto round = [&] {
    if (producers == 1) return produce(futures[0]);
    std::latch all_there(static_cast<std::ptrdiff_t>(producers));
    std::vector<std::jthread> threads;
    for (auto& mine : futures) {
      threads.emplace_back([&] {
        all_there.arrive_and_wait();
        produce(mine);
      });
    }
  };
  round();
  for (auto _ : state) round();
  report_each(state, many / producers * producers);
}

template <class Go>
void with_fanout(unsigned threads, Go go) {
  fanout::thread_pool pool(threads);
  go([&] { return pool.submit([] {}); });
}
template <class Go>
void with_asio(unsigned threads, Go go) {
  asio::thread_pool pool(threads);
  go([&] { return asio::post(pool, asio::use_future([] {})); });
}

void workers_fanout(benchmark::State& state) {
  with_fanout(static_cast<unsigned>(state.range(0)), [&](auto submit) { measure(state, 1, submit); });
}
void workers_asio(benchmark::State& state) {
  with_asio(static_cast<unsigned>(state.range(0)), [&](auto submit) { measure(state, 1, submit); });
}
void producers_fanout(benchmark::State& state) {
  with_fanout(workers, [&](auto submit) { measure(state, static_cast<std::size_t>(state.range(0)), submit); });
}
void producers_asio(benchmark::State& state) {
  with_asio(workers, [&](auto submit) { measure(state, static_cast<std::size_t>(state.range(0)), submit); });
}
BENCHMARK(workers_fanout)->RangeMultiplier(2)->Range(1, 64)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK(workers_asio)->RangeMultiplier(2)->Range(1, 64)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK(producers_fanout)->RangeMultiplier(2)->Range(1, 16)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK(producers_asio)->RangeMultiplier(2)->Range(1, 16)->UseRealTime()->Unit(benchmark::kMillisecond);

}  // namespace
