// SPDX-License-Identifier: Apache-2.0
// A million empty tasks: with a future each, all of which are waited for; and without. Warm: the first round is not
// counted.
#include <benchmark/benchmark.h>
#include <oneapi/tbb/task_group.h>

#include <atomic>
#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_future.hpp>
#include <cstdint>
#include <future>
#include <mutex>
#include <thread>
#include <type_traits>
#include <vector>

#include "fanout/fanout.hpp"
#include "measures.hpp"
#include "openmp_team.hpp"
#include "tbb_pool.hpp"

namespace {

namespace asio = boost::asio;

constexpr std::size_t many = 1'000'000;
constexpr std::size_t few = 10'000;  // for std::async, which starts a thread for each

template <class Submit>
void submit_and_get(benchmark::State& state, std::size_t n, Submit submit) {
  std::vector<std::invoke_result_t<Submit&>> futures;
  futures.reserve(n);
  const auto round = [&] {
    for (std::size_t i = 0; i < n; ++i) futures.push_back(submit());
    for (auto& f : futures) f.get();
    futures.clear();
  };
  round();
  for (auto _ : state) round();
  report_each(state, n);
}

void submit_fanout(benchmark::State& state) {
  fanout::thread_pool pool(workers);
  submit_and_get(state, many, [&] { return pool.submit([] {}); });
}
void submit_tbb(benchmark::State& state) {
  tbb_pool pool;
  submit_and_get(state, many, [&] { return pool.submit([] {}); });
}
void submit_asio(benchmark::State& state) {
  asio::thread_pool pool(workers);
  submit_and_get(state, many, [&] { return asio::post(pool, asio::use_future([] {})); });
}
void submit_async(benchmark::State& state) {
  submit_and_get(state, few, [] { return std::async(std::launch::async, [] {}); });
}
BENCHMARK(submit_fanout)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK(submit_tbb)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK(submit_asio)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK(submit_async)->UseRealTime()->Unit(benchmark::kMillisecond);

/// How many tasks have run, counted by each thread for itself: one count for all would cost more than the tasks.
class tally {
 public:
  static void add() noexcept {
    if (mine == nullptr) mine = enter();
    mine->value.store(mine->value.load(std::memory_order_relaxed) + 1, std::memory_order_release);
  }
  static std::uint64_t total() {
    const std::lock_guard lock(mutex);
    std::uint64_t sum = 0;
    for (const count* c : counts) sum += c->value.load(std::memory_order_acquire);
    return sum;
  }
  /// Looks rarely: it is to cost the tasks nothing.
  static void wait_until(std::uint64_t expected) {
    while (total() != expected) std::this_thread::sleep_for(std::chrono::microseconds(20));
  }

 private:
  struct alignas(64) count {
    std::atomic<std::uint64_t> value = 0;  // release in add(), acquire in total()
  };

  [[gnu::noinline]] static count* enter() {
    const std::lock_guard lock(mutex);
    return counts.emplace_back(new count);  // it outlives its thread, since it counts
  }

  inline static thread_local constinit count* mine = nullptr;
  inline static std::mutex mutex;
  inline static std::vector<count*> counts;
};

template <class Post>
void post_and_wait(benchmark::State& state, Post post_all) {
  const auto round = [&] {
    const auto before = tally::total();
    post_all();
    tally::wait_until(before + many);
  };
  round();
  for (auto _ : state) round();
  report_each(state, many);
}

void post_fanout(benchmark::State& state) {
  fanout::thread_pool pool(workers);
  post_and_wait(state, [&] {
    for (std::size_t i = 0; i < many; ++i) pool.post([] { tally::add(); });
  });
}
void post_tbb(benchmark::State& state) {
  tbb_pool pool;
  post_and_wait(state, [&] {
    for (std::size_t i = 0; i < many; ++i) pool.post([] { tally::add(); });
  });
}
// From within: who forks them is a worker, and one that waits works. That is what oneTBB is made for.
void post_tbb_group(benchmark::State& state) {
  tbb_pool pool;
  post_and_wait(state, [&] {
    pool.run([] {
      tbb::task_group group;
      for (std::size_t i = 0; i < many; ++i) group.run([] { tally::add(); });
      group.wait();
    });
  });
}
void post_asio(benchmark::State& state) {
  asio::thread_pool pool(workers);
  post_and_wait(state, [&] {
    for (std::size_t i = 0; i < many; ++i) asio::post(pool, [] { tally::add(); });
  });
}
// As oneTBB's group: main is one of the two. It makes the tasks, and runs them itself when 256 wait.
void post_openmp(benchmark::State& state) {
  const openmp_team team;
  post_and_wait(state, [&] {
#pragma omp parallel
#pragma omp single
    for (std::size_t i = 0; i < many; ++i) {
#pragma omp task
      tally::add();
    }
  });
}
BENCHMARK(post_fanout)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK(post_tbb)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK(post_tbb_group)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK(post_asio)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK(post_openmp)->UseRealTime()->Unit(benchmark::kMillisecond);

}  // namespace
