// SPDX-License-Identifier: Apache-2.0
// gather of n tasks, warm (the first run is not counted): fanout, the raw yardstick, Boost.Asio's parallel_group.
#include <benchmark/benchmark.h>

#include <boost/asio.hpp>
#include <boost/asio/experimental/parallel_group.hpp>
#include <vector>

#include "fanout/fanout.hpp"
#include "raw.hpp"

namespace {

namespace asio = boost::asio;

[[gnu::noinline]] raw::task raw_one() { co_return 1; }
[[gnu::noinline]] fanout::task<int> fanout_one() { co_return 1; }
asio::awaitable<int> asio_one() { co_return 1; }

raw::task raw_gathers(std::size_t n) {
  std::vector<raw::task> tasks;
  tasks.reserve(n);
  for (std::size_t i = 0; i < n; ++i) tasks.push_back(raw_one());
  co_await raw::gather{tasks};
  int sum = 0;
  for (auto& t : tasks) sum += t.frame.promise().value;
  co_return sum;
}
fanout::task<int> fanout_gathers(std::size_t n) {
  std::vector<fanout::task<int>> tasks;
  tasks.reserve(n);
  for (std::size_t i = 0; i < n; ++i) tasks.push_back(fanout_one());
  int sum = 0;
  for (const int x : co_await fanout::gather(std::move(tasks))) sum += x;
  co_return sum;
}
asio::awaitable<int> asio_gathers(std::size_t n) {
  const auto executor = co_await asio::this_coro::executor;
  using operation = decltype(asio::co_spawn(executor, asio_one(), asio::deferred));
  std::vector<operation> operations;
  operations.reserve(n);
  for (std::size_t i = 0; i < n; ++i) operations.push_back(asio::co_spawn(executor, asio_one(), asio::deferred));
  auto [order, errors, values] = co_await asio::experimental::make_parallel_group(std::move(operations))
                                     .async_wait(asio::experimental::wait_for_all(), asio::use_awaitable);
  int sum = 0;
  for (const int x : values) sum += x;
  co_return sum;
}

template <class Run>
void measure(benchmark::State& state, Run run) {
  const auto n = static_cast<std::size_t>(state.range(0));
  if (run(n) != static_cast<int>(n)) state.SkipWithError("wrong sum");
  for (auto _ : state) benchmark::DoNotOptimize(run(n));
  state.SetItemsProcessed(state.iterations() * state.range(0));
}

void gather_raw(benchmark::State& state) {
  measure(state, [](std::size_t n) { return raw::run(raw_gathers(n)); });
}
void gather_fanout(benchmark::State& state) {
  fanout::event_loop loop;
  measure(state, [&](std::size_t n) { return loop.run(fanout_gathers(n)); });
}
void gather_asio(benchmark::State& state) {
  asio::io_context context(1);
  measure(state, [&](std::size_t n) {
    int sum = 0;
    asio::co_spawn(context, asio_gathers(n), [&](std::exception_ptr, int s) { sum = s; });
    context.run();
    context.restart();
    return sum;
  });
}
BENCHMARK(gather_raw)->RangeMultiplier(10)->Range(1000, 10'000'000);
BENCHMARK(gather_fanout)->RangeMultiplier(10)->Range(1000, 10'000'000);
BENCHMARK(gather_asio)->RangeMultiplier(10)->Range(1000, 1'000'000);

}  // namespace
