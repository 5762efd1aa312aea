// SPDX-License-Identifier: Apache-2.0
// co_await of a fresh task, and yield: fanout, the raw yardstick, Boost.Asio.
#include <benchmark/benchmark.h>

#include <boost/asio.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>

#include "fanout/fanout.hpp"
#include "raw.hpp"

namespace {

namespace asio = boost::asio;
constexpr int batch = 100'000;

// noinline: the call must stay a call, or HALO puts the frame into its caller.
[[gnu::noinline]] raw::task raw_one() { co_return 1; }
[[gnu::noinline]] fanout::task<int> fanout_one() { co_return 1; }
[[gnu::noinline]] asio::awaitable<int> asio_one() { co_return 1; }

raw::task raw_awaits() {
  int sum = 0;
  for (int i = 0; i < batch; ++i) sum += co_await raw_one();
  co_return sum;
}
fanout::task<int> fanout_awaits() {
  int sum = 0;
  for (int i = 0; i < batch; ++i) sum += co_await fanout_one();
  co_return sum;
}
asio::awaitable<void> asio_awaits(int& sum) {
  for (int i = 0; i < batch; ++i) sum += co_await asio_one();
}

void await_raw(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(raw::run(raw_awaits()));
  state.SetItemsProcessed(state.iterations() * batch);
}
void await_fanout(benchmark::State& state) {
  fanout::event_loop loop;
  for (auto _ : state) benchmark::DoNotOptimize(loop.run(fanout_awaits()));
  state.SetItemsProcessed(state.iterations() * batch);
}
void await_asio(benchmark::State& state) {
  asio::io_context context(1);
  for (auto _ : state) {
    int sum = 0;
    asio::co_spawn(context, asio_awaits(sum), asio::detached);
    context.run();
    context.restart();
    benchmark::DoNotOptimize(sum);
  }
  state.SetItemsProcessed(state.iterations() * batch);
}
BENCHMARK(await_raw);
BENCHMARK(await_fanout);
BENCHMARK(await_asio);

raw::task raw_yields() {
  for (int i = 0; i < batch; ++i) co_await raw::yield();
  co_return 0;
}
fanout::task<> fanout_yields() {
  for (int i = 0; i < batch; ++i) co_await fanout::yield();
}
asio::awaitable<void> asio_yields() {
  for (int i = 0; i < batch; ++i) co_await asio::post(asio::use_awaitable);
}

void yield_raw(benchmark::State& state) {
  for (auto _ : state) raw::run(raw_yields());
  state.SetItemsProcessed(state.iterations() * batch);
}
void yield_fanout(benchmark::State& state) {
  fanout::event_loop loop;
  for (auto _ : state) loop.run(fanout_yields());
  state.SetItemsProcessed(state.iterations() * batch);
}
void yield_asio(benchmark::State& state) {
  asio::io_context context(1);
  for (auto _ : state) {
    asio::co_spawn(context, asio_yields(), asio::detached);
    context.run();
    context.restart();
  }
  state.SetItemsProcessed(state.iterations() * batch);
}
BENCHMARK(yield_raw);
BENCHMARK(yield_fanout);
BENCHMARK(yield_asio);

}  // namespace
