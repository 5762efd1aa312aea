// SPDX-License-Identifier: Apache-2.0
// One task to a pool and its result back to main, which waits for it: when the pool is asleep, and when it has just
// done the same. Beside what the system needs to wake a thread and be woken by it.
#include <benchmark/benchmark.h>

#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_future.hpp>
#include <functional>
#include <future>
#include <vector>

#include "contest.hpp"
#include "fanout/fanout.hpp"
#include "raw_threads.hpp"
#include "tbb_pool.hpp"

namespace {

namespace asio = boost::asio;

int one() { return 1; }

struct pools {
  pools() = default;
  pools(const pools&) = delete;
  pools& operator=(const pools&) = delete;

  std::vector<contestant> contestants() {
    return {measured("raw",
                     [this] {
                       answer = 0;
                       thread.tell(answers);
                       thread.wait();
                       return answer == 1;
                     }),
            measured("fanout", [this] { return fanout_pool.submit(one).get() == 1; }),
            measured("tbb", [this] { return tbb.submit(one).get() == 1; }),
            measured("asio", [this] { return asio::post(asio_pool, asio::use_future(one)).get() == 1; }),
            measured("async", [] { return std::async(std::launch::async, one).get() == 1; })};
  }

  raw::thread thread;
  int answer = 0;
  const std::function<void()> answers = [this] { answer = one(); };
  fanout::thread_pool fanout_pool{workers};
  tbb_pool tbb;
  asio::thread_pool asio_pool{workers};
};

void run(benchmark::State& state, const row& r) {
  pools p;
  contest c(state, p.contestants());
  for (int i = 0; i < 5; ++i) c.round({.unmeasured = r.trips, .trips = r.trips});
  for (auto _ : state) c.round(r);
  c.report();
}

void trips_idle(benchmark::State& state) { run(state, {}); }
void trips_back_to_back(benchmark::State& state) { run(state, {.unmeasured = 10, .trips = 110}); }

// The time of an iteration says nothing, the counters do.
BENCHMARK(trips_idle)->Iterations(300)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK(trips_back_to_back)->Iterations(30)->UseRealTime()->Unit(benchmark::kMillisecond);

}  // namespace
