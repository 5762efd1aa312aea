// SPDX-License-Identifier: Apache-2.0
// spawn of a task, and waiting for it: fanout, Boost.Asio's co_spawn.
#include <benchmark/benchmark.h>

#include <boost/asio.hpp>

#include "fanout/fanout.hpp"

namespace {

namespace asio = boost::asio;
constexpr int batch = 100'000;

[[gnu::noinline]] fanout::task<int> fanout_one() { co_return 1; }
[[gnu::noinline]] asio::awaitable<int> asio_one() { co_return 1; }

fanout::task<int> fanout_spawns() {
  int sum = 0;
  for (int i = 0; i < batch; ++i) sum += co_await fanout::spawn(fanout_one());
  co_return sum;
}
asio::awaitable<void> asio_spawns(int& sum) {
  const auto executor = co_await asio::this_coro::executor;
  for (int i = 0; i < batch; ++i) sum += co_await asio::co_spawn(executor, asio_one(), asio::use_awaitable);
}

void spawn_fanout(benchmark::State& state) {
  fanout::event_loop loop;
  for (auto _ : state) {
    if (loop.run(fanout_spawns()) != batch) state.SkipWithError("wrong sum");
  }
  state.SetItemsProcessed(state.iterations() * batch);
}
void spawn_asio(benchmark::State& state) {
  asio::io_context context(1);
  for (auto _ : state) {
    int sum = 0;
    asio::co_spawn(context, asio_spawns(sum), asio::detached);
    context.run();
    context.restart();
    if (sum != batch) state.SkipWithError("wrong sum");
  }
  state.SetItemsProcessed(state.iterations() * batch);
}
BENCHMARK(spawn_fanout);
BENCHMARK(spawn_asio);

}  // namespace
