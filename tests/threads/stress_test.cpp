// SPDX-License-Identifier: Apache-2.0
// Everything that a thread_pool can do, done by several threads at the same time, until it is shut down in each way
// that there is. What was accepted ends, with what it should or because the pool does; the sanitizers watch the rest.
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <numeric>
#include <random>
#include <ranges>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "fanout/as_completed.hpp"
#include "fanout/detail/frame_pool.hpp"
#include "fanout/errors.hpp"
#include "fanout/event_loop.hpp"
#include "fanout/gather.hpp"
#include "fanout/sleep.hpp"
#include "fanout/spawn.hpp"
#include "fanout/thread_pool.hpp"
#include "fanout/timeout.hpp"
#include "fanout/wait.hpp"
#include "support/sanitized.hpp"

namespace {

using namespace std::chrono_literals;
using fanout::future;
using fanout::shutdown_mode;
using fanout::task;
using fanout::thread_pool;

int square(int x) { return x * x; }

/// What all users of one pool have done.
struct account {
  std::atomic<int> done = 0, posted = 0, posts_ran = 0, values = 0, cancelled = 0;
};

/// Does this and that with the pool, until it is closed.
class user {
 public:
  user(thread_pool& pool, account& all, unsigned seed) : pool_(pool), all_(all), random_(seed) {}

  void use() {
    try {
      for (;; ++all_.done) (this->*ways[random_() % ways.size()])();
    } catch (const fanout::pool_closed&) {
    }
  }

 private:
  /// A number that is known, unless the pool ends before.
  template <class Get>
  void expect(int value, Get&& get) {
    try {
      EXPECT_EQ(get(), value);
      ++all_.values;
    } catch (const fanout::cancelled&) {
      ++all_.cancelled;
    }
  }

  // --- functions

  void submits_and_gets() {
    expect(49, [&] { return pool_.submit(square, 7).get(); });
  }
  void submits_many() {
    std::vector<future<int>> futures;
    for (int i = 0; i < 20; ++i) futures.push_back(pool_.submit(square, 3));
    for (auto&& done : fanout::as_completed(std::move(futures))) expect(9, [&] { return done.get(); });
  }
  void submits_what_submits() {
    expect(25, [&] { return pool_.submit([&] { return pool_.submit(square, 5).get(); }).get(); });
  }
  void submits_and_cancels() {
    auto f = pool_.submit(square, 2);
    const bool will_not_run = f.cancel();
    try {
      EXPECT_EQ(f.get(), 4);
      EXPECT_FALSE(will_not_run);
    } catch (const fanout::cancelled&) {
    }
  }
  void submits_what_runs_until_it_is_cancelled() {
    auto f = pool_.submit([](fanout::stop_token stop) {
      while (!stop.stop_requested()) std::this_thread::yield();
      return 1;
    });
    if (random_() % 2 == 0) f.wait_for(10us);
    f.cancel();
    try {
      EXPECT_EQ(f.get(), 1);
    } catch (const fanout::cancelled&) {
    }
  }
  void submits_and_drops() { static_cast<void>(pool_.submit(square, 2)); }
  void waits_for_a_while() {
    std::vector<future<int>> futures;
    for (int i = 0; i < 4; ++i) futures.push_back(pool_.submit(square, 3));
    auto [done, not_done] = fanout::wait(std::move(futures), fanout::return_when::first_completed, 50us);
    EXPECT_EQ(done.size() + not_done.size(), 4U);
  }
  void posts() {
    pool_.post([&all = all_] { ++all.posts_ran; });
    ++all_.posted;
  }

  // --- ranges

  void maps() {
    std::vector<int> inputs(50);
    std::iota(inputs.begin(), inputs.end(), 0);
    expect(49 * 49, [&] { return pool_.map(square, inputs).get().back(); });
  }
  void maps_with_a_window() {
    auto results = pool_.map(square, std::views::iota(0, 40), {.window = 3, .ordered = random_() % 2 == 0}).results();
    std::size_t left = random_() % 50;  // the rest is given up
    for (auto&& item : results) {
      if (item.has_value()) EXPECT_LE(*item, 39 * 39);
      if (left-- == 0) break;
    }
  }
  void maps_and_drops() {
    static_cast<void>(pool_.map([&all = all_](fanout::stop_token, int x) { all.values += x; }, std::vector<int>(30)));
  }
  void works_in_place() {
    std::vector<int> values(100, 1);
    expect(200, [&] {
      pool_.for_each([](int& x) { ++x; }, values);
      return std::accumulate(values.begin(), values.end(), 0);
    });
  }

  // --- coroutines

  static task<int> naps_and_yields(int value) {
    co_await fanout::sleep(20us);
    co_await fanout::yield();
    co_return value;
  }
  static task<int> gathers(thread_pool& pool) {
    auto spawned = fanout::spawn(naps_and_yields(1));
    auto [a, b, c] = co_await fanout::gather(naps_and_yields(2), naps_and_yields(3), awaits(pool.submit(square, 2)));
    co_return a + b + c + co_await std::move(spawned);
  }
  static task<int> awaits(future<int> f) { co_return co_await std::move(f); }
  static task<int> goes_there(thread_pool& pool) {
    co_await pool.schedule();
    co_return co_await naps_and_yields(6);
  }
  static task<int> times_out() {
    try {
      co_await fanout::timeout(30us, fanout::gather(naps_for_long(), naps_for_long()));
    } catch (const fanout::timed_out&) {
      co_return 8;
    }
    co_return 0;
  }
  static task<> naps_for_long() { co_await fanout::sleep(1h); }

  void runs() {
    expect(10, [&] { return pool_.run(gathers(pool_)); });
  }
  void runs_what_times_out() {
    expect(8, [&] { return pool_.run(times_out()); });
  }
  void moves_there_from_a_loop() {
    expect(6, [&] { return fanout::run(goes_there(pool_)); });
  }
  void spawns_and_leaves_it() {
    pool_.post([] { static_cast<void>(fanout::spawn(naps_and_yields(1))); });
  }

  void asks_what_it_is_doing() { EXPECT_EQ(pool_.stats().workers, pool_.workers()); }

  static constexpr std::array ways{
      &user::submits_and_gets,
      &user::submits_many,
      &user::submits_what_submits,
      &user::submits_and_cancels,
      &user::submits_what_runs_until_it_is_cancelled,
      &user::submits_and_drops,
      &user::waits_for_a_while,
      &user::posts,
      &user::maps,
      &user::maps_with_a_window,
      &user::maps_and_drops,
      &user::works_in_place,
      &user::runs,
      &user::runs_what_times_out,
      &user::moves_there_from_a_loop,
      &user::spawns_and_leaves_it,
      &user::asks_what_it_is_doing,
  };

  thread_pool& pool_;
  account& all_;
  std::minstd_rand random_;
};

class PoolStress : public testing::TestWithParam<shutdown_mode> {};

TEST_P(PoolStress, AllItsOperationsRaceWithEachOtherAndWithItsEnd) {
  constexpr unsigned rounds = fanout_test::sanitized ? 20 : 60, users = 4;
  const auto frames = fanout::detail::live_frames();
  for (unsigned round = 0; round < rounds; ++round) {
    account all;
    {
      thread_pool pool(1 + round % 4);
      std::vector<std::jthread> threads;
      for (unsigned u = 0; u < users; ++u) {
        threads.emplace_back([&, seed = round * users + u + 1] { user(pool, all, seed).use(); });
      }
      while (all.done < static_cast<int>(round % 7) * 40) std::this_thread::yield();
      std::jthread ends_it_too([&] { EXPECT_TRUE(pool.shutdown(GetParam())); });
      pool.shutdown(shutdown_mode::drain, round % 3 * 100us);
      EXPECT_TRUE(pool.shutdown(GetParam()));
      EXPECT_EQ(pool.stats().queued, 0U);
    }
    // Who asked just before the end whether the pool is open: what he gives it then is cancelled.
    if (GetParam() == shutdown_mode::drain) {
      EXPECT_LE(all.cancelled, static_cast<int>(users));
      EXPECT_LE(all.posted - all.posts_ran, static_cast<int>(users));
    }
    EXPECT_LE(all.posts_ran, all.posted);
    ASSERT_EQ(fanout::detail::live_frames(), frames) << "round " << round;
  }
}

std::string name_of(const testing::TestParamInfo<shutdown_mode>& mode) {
  switch (mode.param) {
    case shutdown_mode::drain:
      return "drain";
    case shutdown_mode::cancel_pending:
      return "cancel_pending";
    default:
      return "kill";
  }
}

INSTANTIATE_TEST_SUITE_P(Modes, PoolStress,
                         testing::Values(shutdown_mode::drain, shutdown_mode::cancel_pending, shutdown_mode::kill),
                         name_of);

}  // namespace
