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

// As it is written most often: the compiler sees the callee, and inlines what it can. (The raw task's frame even goes
// into its caller's, which Clang 19 does for tasks without exceptions only.)
raw::task raw_one() { co_return 1; }
fanout::task<int> fanout_one() { co_return 1; }
asio::awaitable<int> asio_one() { co_return 1; }

// As if it were in another file.
[[gnu::noinline]] raw::task raw_far() { co_return 1; }
[[gnu::noinline]] fanout::task<int> fanout_far() { co_return 1; }
[[gnu::noinline]] asio::awaitable<int> asio_far() { co_return 1; }

template <auto Callee>
raw::task raw_awaits() {
  int sum = 0;
  for (int i = 0; i < batch; ++i) sum += co_await Callee();
  co_return sum;
}
template <auto Callee>
fanout::task<int> fanout_awaits() {
  int sum = 0;
  for (int i = 0; i < batch; ++i) sum += co_await Callee();
  co_return sum;
}
template <auto Callee>
asio::awaitable<void> asio_awaits(int& sum) {
  for (int i = 0; i < batch; ++i) sum += co_await Callee();
}

template <auto Callee>
void await_raw(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(raw::run(raw_awaits<Callee>()));
  state.SetItemsProcessed(state.iterations() * batch);
}
template <auto Callee>
void await_fanout(benchmark::State& state) {
  fanout::event_loop loop;
  for (auto _ : state) benchmark::DoNotOptimize(loop.run(fanout_awaits<Callee>()));
  state.SetItemsProcessed(state.iterations() * batch);
}
template <auto Callee>
void await_asio(benchmark::State& state) {
  asio::io_context context(1);
  for (auto _ : state) {
    int sum = 0;
    asio::co_spawn(context, asio_awaits<Callee>(sum), asio::detached);
    context.run();
    context.restart();
    benchmark::DoNotOptimize(sum);
  }
  state.SetItemsProcessed(state.iterations() * batch);
}
BENCHMARK(await_raw<raw_one>)->Name("await_raw");
BENCHMARK(await_fanout<fanout_one>)->Name("await_fanout");
BENCHMARK(await_asio<asio_one>)->Name("await_asio");
BENCHMARK(await_raw<raw_far>)->Name("await_far_raw");
BENCHMARK(await_fanout<fanout_far>)->Name("await_far_fanout");
BENCHMARK(await_asio<asio_far>)->Name("await_far_asio");

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
