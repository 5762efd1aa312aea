// SPDX-License-Identifier: Apache-2.0
// Threads that block inside of what others need: a worker runs other work of its pool meanwhile, and that work must
// not notice on top of what it runs.
#include <gtest/gtest.h>

#include <atomic>
#include <barrier>
#include <chrono>
#include <functional>
#include <utility>

#include "fanout/event_loop.hpp"
#include "fanout/serial_executor.hpp"
#include "fanout/sleep.hpp"
#include "fanout/spawn.hpp"
#include "fanout/thread_pool.hpp"
#include "promise.hpp"

namespace {

using namespace std::chrono_literals;
using fanout::task;
using fanout_test::promise;

TEST(Waiting, AWorkerGivesUpAtItsDeadlineHoweverMuchWorkThereIs) {
  promise<int> never;
  const auto owed_by_the_pool = [&]() -> task<int> { co_return co_await never.get_future(); };
  std::atomic<bool> gave_up = false;
  std::function<void()> more;
  fanout::thread_pool pool(1);
  more = [&] {
    if (!gave_up) pool.post(more);
  };
  pool.submit([&] {
        more();
        auto f = fanout::spawn(owed_by_the_pool());
        EXPECT_FALSE(f.wait_for(1ms));
        gave_up = true;
      })
      .get();
  never.set(1);  // the pool waits for what was spawned
}

TEST(Waiting, WhatAWorkerRunsMeanwhileSpawnsOnItsOwnExecutor) {
  // The one worker runs a loop, and a coroutine of that loop blocks: the worker goes on with a coroutine of the pool,
  // which is below the loop on its stack, and not on it.
  fanout::thread_pool pool(1);
  const auto seven = []() -> task<int> {
    co_await fanout::yield();
    co_return 7;
  };
  const auto spawns = [&]() -> task<int> { co_return co_await fanout::spawn(seven()); };
  const auto blocks = [&]() -> task<int> { co_return pool.run(spawns()); };
  EXPECT_EQ(pool.submit([&] { return fanout::run(blocks()); }).get(), 7);
  EXPECT_EQ(pool.submit([&] { return fanout::serial_executor().run(blocks()); }).get(), 7);
}

TEST(Waiting, NoWorkWaitsWhileAWorkerSleepsUntilATimer) {
  fanout::thread_pool pool(2);
  const auto sleeps = []() -> task<> { co_await fanout::sleep(1h); };
  auto sleeper = pool.submit([&] { return fanout::spawn(sleeps()); }).get();
  for (int round = 0; round < 2000; ++round) {
    // Each of the two can only end beside the other.
    std::barrier<> both(2);
    auto one = pool.submit([&] { both.arrive_and_wait(); });
    auto other = pool.submit([&] { both.arrive_and_wait(); });
    one.get();
    other.get();
  }
  sleeper.cancel();
}

}  // namespace
