// SPDX-License-Identifier: Apache-2.0
// One task to a pool and its result back to main, which waits for it: when the pool is asleep, and when it has just
// done the same. Beside what the system needs to wake a thread and be woken by it. All take turns within one benchmark,
// so that a disturbance of the machine hits them all: compare the p50 of one run, never those of two.
#include <benchmark/benchmark.h>

#include <array>
#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_future.hpp>
#include <functional>
#include <future>
#include <string>
#include <thread>

#include "fanout/fanout.hpp"
#include "measures.hpp"
#include "raw_threads.hpp"
#include "tbb_pool.hpp"

namespace {

namespace asio = boost::asio;

int one() { return 1; }

class contest {
 public:
  explicit contest(benchmark::State& state) : state_(state) {}
  contest(const contest&) = delete;
  contest& operator=(const contest&) = delete;

  /// All in turns, who is first changes; each `trips` times in a row, of which the first `unmeasured` are not measured.
  void round(std::size_t unmeasured, std::size_t trips) {
    for (std::size_t i = 0; i < all_.size(); ++i) {
      contestant& c = all_[(i + rounds_) % all_.size()];
      std::this_thread::sleep_for(until_asleep);
      int sum = 0;
      for (std::size_t trip = 0; trip < trips; ++trip) {
        const double time = microseconds([&] { sum += c.trip(); });
        if (trip >= unmeasured) c.times.add(time);
      }
      if (sum != static_cast<int>(trips)) state_.SkipWithError("wrong result");
    }
    ++rounds_;
  }

  void report() {
    const double least = all_[0].times.median();
    for (contestant& c : all_) {
      const double p50 = c.times.median();
      state_.counters[c.name + "_p50_us"] = p50;
      state_.counters[c.name + "_p99_us"] = c.times.quantile(0.99);
      state_.counters[c.name + "_ratio"] = least > 0 ? p50 / least : 0;
    }
  }

 private:
  struct contestant {
    std::string name;
    std::function<int()> trip;
    samples times = {};
  };

  benchmark::State& state_;
  raw::thread thread_;
  int answer_ = 0;
  const std::function<void()> answers_ = [this] { answer_ = one(); };
  fanout::thread_pool fanout_{workers};
  tbb_pool tbb_;
  asio::thread_pool asio_{workers};
  std::size_t rounds_ = 0;
  std::array<contestant, 5> all_ = {{
      {"raw",
       [this] {
         answer_ = 0;
         thread_.tell(answers_);
         thread_.wait();
         return answer_;
       }},
      {"fanout", [this] { return fanout_.submit(one).get(); }},
      {"tbb", [this] { return tbb_.submit(one).get(); }},
      {"asio", [this] { return asio::post(asio_, asio::use_future(one)).get(); }},
      {"async", [] { return std::async(std::launch::async, one).get(); }},
  }};
};

void run(benchmark::State& state, std::size_t unmeasured, std::size_t trips) {
  contest c(state);
  for (int i = 0; i < 5; ++i) c.round(trips, trips);
  for (auto _ : state) c.round(unmeasured, trips);
  c.report();
}

void trips_idle(benchmark::State& state) { run(state, 0, 1); }
void trips_back_to_back(benchmark::State& state) { run(state, 10, 110); }

// The time of an iteration says nothing, the counters do.
BENCHMARK(trips_idle)->Iterations(300)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK(trips_back_to_back)->Iterations(30)->UseRealTime()->Unit(benchmark::kMillisecond);

}  // namespace
