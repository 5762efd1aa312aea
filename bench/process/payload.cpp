// SPDX-License-Identifier: Apache-2.0
// So many bytes to a worker and the same back, as a vector. Beside two processes that copy them into memory they share
// and out of it, into buffers that are there already, each way. p50 is the time for both ways.
#include "payload.hpp"

#include <benchmark/benchmark.h>

#include <cstddef>
#include <cstring>
#include <utility>
#include <vector>

#include "contest.hpp"
#include "fanout/fanout.hpp"
#include "raw_processes.hpp"

namespace {

using bytes = std::vector<std::byte>;

bytes echo(bytes data) { return data; }

void payload(benchmark::State& state) {
  const auto size = static_cast<std::size_t>(state.range(0));
  bytes data(size, std::byte{1}), back;

  /// Other bytes than the last time, at both ends, and no buffer left of it.
  const auto prepare = [&] {
    data.front() = data.back() = static_cast<std::byte>(static_cast<unsigned>(data.back()) + 1);
    back = bytes();
  };
  const auto right = [&](const bytes& result) {
    return result.size() == size && result.front() == data.front() && result.back() == data.back();
  };

  const raw::shared_memory shared(size);
  bytes theirs(size), ours(size);
  raw::process process([&] {
    std::memcpy(theirs.data(), shared.data(), size);
    std::memcpy(shared.data(), theirs.data(), size);
  });
  fanout::process_pool pool(workers);

  contest c(state, {measured("raw", prepare,
                             [&] {
                               std::memcpy(shared.data(), data.data(), size);
                               process.tell();
                               process.wait();
                               std::memcpy(ours.data(), shared.data(), size);
                               return right(ours);
                             }),
                    measured("fanout", prepare, [&] {
                      back = pool.submit(echo, data).get();
                      return right(back);
                    })});
  row r{.unmeasured = 1, .trips = 21};
  if (size > 100'000) r.trips = 6;
  if (size > 20'000'000) r = {};
  c.round({.unmeasured = r.trips, .trips = r.trips});
  for (auto _ : state) c.round(r);
  c.report();
}

// The time of an iteration says nothing, the counters do.
void settle(benchmark::internal::Benchmark* b) { b->UseRealTime()->Unit(benchmark::kMillisecond); }
BENCHMARK(payload)->Arg(10'000'000)->Iterations(20)->Apply(settle);
BENCHMARK(payload)->RangeMultiplier(8)->Range(8, 1 << 24)->Iterations(20)->Apply(settle);
BENCHMARK(payload)->Arg(1 << 26)->Iterations(10)->Apply(settle);

}  // namespace

void add_huge_payload() {
  benchmark::RegisterBenchmark("payload", payload)->Arg(1 << 30)->Iterations(3)->Apply(settle);
}
