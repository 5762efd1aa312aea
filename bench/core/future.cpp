// SPDX-License-Identifier: Apache-2.0
// A future's block: made, fulfilled and taken on one thread; beside std::promise.
#include <benchmark/benchmark.h>

#include <future>

#include "fanout/fanout.hpp"

namespace {

using state = fanout::detail::future_state<int>;

void fulfil_and_get_fanout(benchmark::State& s) {
  for (auto _ : s) {
    fanout::detail::state_ptr<state> block(new state);
    auto future = fanout::detail::future_access::make(block);
    block->complete(1);
    benchmark::DoNotOptimize(future.get());
  }
}
void fulfil_and_get_std(benchmark::State& s) {
  for (auto _ : s) {
    std::promise<int> promise;
    auto future = promise.get_future();
    promise.set_value(1);
    benchmark::DoNotOptimize(future.get());
  }
}
BENCHMARK(fulfil_and_get_fanout);
BENCHMARK(fulfil_and_get_std);

}  // namespace
