// SPDX-License-Identifier: Apache-2.0
// co_await pool.schedule(): a coroutine goes on on another executor, and those who await it where they were.
#include <gtest/gtest.h>

#include <atomic>
#include <latch>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <tuple>
#include <vector>

#include "fanout/detail/this_thread.hpp"
#include "fanout/errors.hpp"
#include "fanout/event_loop.hpp"
#include "fanout/gather.hpp"
#include "fanout/sleep.hpp"
#include "fanout/spawn.hpp"
#include "fanout/thread_pool.hpp"
#include "fanout/timeout.hpp"

namespace {

using namespace std::chrono_literals;
using fanout::task;
using fanout::thread_pool;

bool is_on(const fanout::scheduler& s) { return fanout::detail::current_scheduler() == &s; }

task<int> computes_on(thread_pool& pool, int value) {
  co_await pool.schedule();
  EXPECT_TRUE(is_on(pool));
  co_await fanout::yield();
  co_await fanout::sleep(1ms);
  EXPECT_TRUE(is_on(pool)) << "what it awaits goes on there, too";
  co_return value;
}

TEST(Schedule, TheCoroutineGoesOnOnThePoolAndItsCallerWhereItWas) {
  thread_pool pool(2);
  const auto home = std::this_thread::get_id();
  auto main = [&]() -> task<int> {
    const int one = co_await computes_on(pool, 1);
    EXPECT_EQ(std::this_thread::get_id(), home);
    co_return one;
  };
  EXPECT_EQ(fanout::run(main()), 1);
}

TEST(Schedule, TheMainTaskMayMove) {
  thread_pool pool(1);
  EXPECT_EQ(fanout::run(computes_on(pool, 2)), 2);
}

TEST(Schedule, GatheredTimedAndSpawnedTasksComeHome) {
  thread_pool pool(2);
  const auto home = std::this_thread::get_id();
  auto main = [&]() -> task<int> {
    auto [a, b] = co_await fanout::gather(computes_on(pool, 1), computes_on(pool, 2));
    EXPECT_EQ(std::this_thread::get_id(), home);
    const int c = co_await fanout::timeout(10s, computes_on(pool, 4));
    EXPECT_EQ(std::this_thread::get_id(), home);
    const int d = co_await fanout::spawn(computes_on(pool, 8));
    EXPECT_EQ(std::this_thread::get_id(), home);
    co_return a + b + c + d;
  };
  EXPECT_EQ(fanout::run(main()), 15);
}

TEST(Schedule, ErrorsComeHomeAsWell) {
  thread_pool pool(1);
  const auto home = std::this_thread::get_id();
  auto fails = [&]() -> task<> {
    co_await pool.schedule();
    throw std::runtime_error("on the pool");
  };
  auto main = [&]() -> task<std::string> {
    try {
      co_await fails();
    } catch (const std::runtime_error& error) {
      EXPECT_EQ(std::this_thread::get_id(), home);
      co_return error.what();
    }
    co_return "none";
  };
  EXPECT_EQ(fanout::run(main()), "on the pool");
}

TEST(Schedule, FromPoolToPoolAndBack) {
  thread_pool a(1), b(1);
  auto wanders = [&]() -> task<> {
    for (int i = 0; i < 10; ++i) {
      co_await b.schedule();
      EXPECT_TRUE(is_on(b));
      co_await a.schedule();
      EXPECT_TRUE(is_on(a));
    }
    co_await b.schedule();
  };
  auto main = [&]() -> task<> {
    co_await wanders();
    EXPECT_TRUE(is_on(a));
  };
  a.run(main());
}

TEST(Schedule, OnThePoolItIsOnItLetsOthersGoFirst) {
  thread_pool pool(1);
  std::vector<char> turns;
  auto takes_turns = [&](char name) -> task<> {
    for (int i = 0; i < 3; ++i) {
      turns.push_back(name);
      co_await pool.schedule();
    }
  };
  auto main = [&]() -> task<> { co_await fanout::gather(takes_turns('a'), takes_turns('b')); };
  pool.run(main());
  EXPECT_EQ(std::string(turns.begin(), turns.end()), "ababab");
}

TEST(Schedule, APoolDoesNotEndBeforeItsGuestsHaveLeft) {
  auto pool = std::make_unique<thread_pool>(1);
  std::latch there(1);
  auto guest = [&]() -> task<int> {
    co_await pool->schedule();
    there.count_down();
    co_await fanout::sleep(5ms);
    co_return 6;
  };
  int result = 0;
  std::jthread loop([&] { result = fanout::run(guest()); });
  there.wait();
  EXPECT_TRUE(pool->shutdown());
  loop.join();
  EXPECT_EQ(result, 6);
}

TEST(Schedule, APoolThatWasShutDownTakesNobodyIn) {
  thread_pool pool(1);
  pool.shutdown();
  EXPECT_THROW(fanout::run(computes_on(pool, 1)), fanout::pool_closed);
}

TEST(Schedule, AStopRequestKeepsItFromGoing) {
  thread_pool pool(1);
  auto late = [&]() -> task<int> {
    try {
      co_await fanout::sleep(24h);
    } catch (const fanout::cancelled&) {
    }
    co_await pool.schedule();
    co_return 1;
  };
  auto main = [&]() -> task<> { co_await fanout::timeout(1ms, late()); };
  EXPECT_THROW(fanout::run(main()), fanout::timed_out);
}

}  // namespace
