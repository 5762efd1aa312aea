// SPDX-License-Identifier: Apache-2.0
// Tasks that wait for tasks of their own pool: what runs meanwhile, and why nothing is kept from running.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <latch>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "fanout/as_completed.hpp"
#include "fanout/errors.hpp"
#include "fanout/sleep.hpp"
#include "fanout/spawn.hpp"
#include "fanout/task_group.hpp"
#include "fanout/thread_pool.hpp"
#include "fanout/wait.hpp"
#include "support/sanitized.hpp"

namespace {

using namespace std::chrono_literals;
using fanout::future;
using fanout::thread_pool;

int fib(thread_pool& pool, int n) {
  if (n < 2) return n;
  auto left = pool.submit([&pool, n] { return fib(pool, n - 1); });
  const int right = fib(pool, n - 2);
  return left.get() + right;
}

TEST(PoolWaiting, AWorkerRunsWhatItHasSubmittedItself) {
  thread_pool one(1);
  EXPECT_EQ(one.submit([&] { return fib(one, 12); }).get(), 144);
  EXPECT_EQ(one.stats().threads, 1U) << "it needed another thread for that";
  thread_pool three(3);
  EXPECT_EQ(three.submit([&] { return fib(three, 15); }).get(), 610);
}

TEST(PoolWaiting, AWorkerRunsWhatItWaitsForIfThatHasNotBegun) {
  thread_pool pool(1);
  std::latch submitted(1);
  future<std::thread::id> second;
  auto first = pool.submit([&] {
    submitted.wait();
    return second.get();  // from outside, and behind many others
  });
  std::atomic<int> others = 0;
  std::vector<future<void>> more;
  for (int i = 0; i < 100; ++i) more.push_back(pool.submit([&] { ++others; }));
  second = pool.submit([&] {
    EXPECT_EQ(others, 0);
    return std::this_thread::get_id();
  });
  submitted.count_down();
  EXPECT_NE(first.get(), std::this_thread::get_id());
  for (auto& f : more) f.get();
}

TEST(PoolWaiting, NestedMapAndAsCompletedDoNotDeadlockOnOneWorker) {
  thread_pool pool(1);
  auto outer = pool.submit([&] {
    int sum = 0;
    for (const int x : pool.map([](int i) { return i * i; }, std::vector{1, 2, 3}).get()) sum += x;
    for (auto&& item : pool.map([](int i) { return i; }, std::vector{1, 2}).results()) sum += *item;
    std::vector<future<int>> futures;
    for (int i = 0; i < 3; ++i) futures.push_back(pool.submit([i] { return i; }));
    for (auto&& f : fanout::as_completed(std::move(futures))) sum += f.get();
    return sum;
  });
  EXPECT_EQ(outer.get(), 14 + 3 + 3);
}

TEST(PoolWaiting, AsCompletedOnAWorkerBeginsWhatNobodyHasBegun) {
  thread_pool pool(1);
  std::latch submitted(1);
  std::vector<future<int>> futures;
  auto sum = pool.submit([&] {
    submitted.wait();
    int all = 0;
    for (auto&& done : fanout::as_completed(std::move(futures))) all += done.get();
    return all;
  });
  for (int i = 1; i <= 100; ++i) futures.push_back(pool.submit([i] { return i; }));
  submitted.count_down();
  EXPECT_EQ(sum.get(), 5050);
}

TEST(PoolWaiting, DoesNotNestAsDeepAsTheQueueIsLong) {
  thread_pool pool(2);
  EXPECT_EQ(pool.submit([&] { return fib(pool, 22); }).get(), 17'711);
  std::vector<future<int>> futures;
  for (int i = 0; i < 20'000; ++i) {
    futures.push_back(pool.submit([&pool, i] { return pool.submit([i] { return i; }).get(); }));
  }
  long sum = 0;
  for (auto& f : futures) sum += f.get();
  EXPECT_EQ(sum, 20'000L * 19'999 / 2);
}

TEST(PoolWaiting, EachTaskMayWaitForTheOneBefore) {
  // A worker that ran the next one while it waits for the one before would have it wait for what lies below.
  for (const unsigned workers : {1U, 2U, 3U}) {
    thread_pool pool(workers);
    auto last = pool.submit([] { return 0; });
    for (int i = 0; i < 20'000; ++i) {
      last = pool.submit([before = std::move(last)]() mutable { return before.get() + 1; });
    }
    EXPECT_EQ(last.get(), 20'000) << workers << " workers";
  }
}

TEST(PoolWaiting, WhoIsWokenCountsAsWorkingBeforeItsThreadRuns) {
  // Which takes a while on a machine as busy as this one. If others took its place meanwhile, each of them would find
  // another task that waits, until there are as many threads as may be.
  std::vector<std::jthread> pools;
  for (int i = 0; i < 6; ++i) {
    pools.emplace_back([] {
      thread_pool pool(2);
      auto last = pool.submit([] { return 0; });
      for (int n = 0; n < 20'000; ++n) {
        last = pool.submit([before = std::move(last)]() mutable { return before.get() + 1; });
      }
      EXPECT_EQ(last.get(), 20'000);
      EXPECT_LT(pool.stats().threads, 2U + 256U) << "as many as may be";
    });
  }
}

TEST(PoolWaiting, ATaskThatWaitsForALongTimeGivesItsPlaceToAnother) {
  // The first waits for the second, which waits for the third to have run.
  thread_pool pool(2);
  std::latch third_ran(1), both_began(2);
  auto second = pool.submit([&] {
    both_began.arrive_and_wait();
    third_ran.wait();  // not a wait that the pool knows of
    return 2;
  });
  auto first = pool.submit([&] {
    both_began.arrive_and_wait();
    return second.get() - 1;
  });
  both_began.wait();
  pool.submit([&] { third_ran.count_down(); }).get();
  EXPECT_EQ(first.get(), 1);
}

fanout::task<int> sleeps_first(int value) {
  co_await fanout::sleep(1ms);
  co_return value;
}

TEST(PoolWaiting, TheOnlyWorkerMayWaitForACoroutineOfItsPool) {
  thread_pool pool(1);
  EXPECT_EQ(pool.submit([&] { return pool.run(sleeps_first(7)); }).get(), 7);
  EXPECT_EQ(pool.submit([] { return fanout::spawn(sleeps_first(8)).get(); }).get(), 8);
}

TEST(PoolWaiting, WhatTakesThePlaceMayWaitForWhoGaveIt) {
  thread_pool pool(1);
  std::latch submitted(1);
  future<int> waits_for_first;
  auto first = pool.submit([&] {
    submitted.wait();
    return pool.run(sleeps_first(1));  // nobody is left who could work
  });
  waits_for_first = pool.submit([f = std::move(first)]() mutable { return f.get() + 1; });
  submitted.count_down();
  EXPECT_EQ(waits_for_first.get(), 2);
}

TEST(PoolWaiting, OnlySoManyRunAtATimeAsThereAreWorkersWhenTheWaitsAreOver) {
  thread_pool pool(1);
  EXPECT_EQ(pool.submit([&] { return pool.run(sleeps_first(1)); }).get(), 1);
  EXPECT_EQ(pool.stats().threads, 2U);
  std::atomic<int> now = 0, most = 0;
  for (int round = 0; round < 2; ++round) {  // in the first, those that are too many leave
    most = 0;
    std::vector<future<void>> futures;
    for (int i = 0; i < 200; ++i) {
      futures.push_back(pool.submit([&] {
        const int running = ++now;
        for (int seen = most; seen < running && !most.compare_exchange_weak(seen, running);) {
        }
        std::this_thread::yield();
        --now;
      }));
    }
    for (auto& f : futures) f.get();
    while (pool.stats().busy > 0) std::this_thread::yield();
  }
  EXPECT_EQ(most, 1);
}

TEST(PoolWaiting, MoreTasksMayWaitThanThreadsAreStarted) {
  constexpr int tasks = 600;
  thread_pool pool(1);
  std::vector<future<int>> futures;
  for (int i = 0; i < tasks; ++i) {
    futures.push_back(pool.submit([] {
      auto nap = []() -> fanout::task<int> {
        co_await fanout::sleep(100ms);
        co_return 1;
      };
      return fanout::spawn(nap()).get();
    }));
  }
  int sum = 0;
  for (auto& f : futures) sum += f.get();
  EXPECT_EQ(sum, tasks);
  EXPECT_LE(pool.stats().threads, 300U);
}

int nested(thread_pool& pool, int depth) {
  return depth == 0 ? 0 : 1 + pool.submit([&pool, depth] { return nested(pool, depth - 1); }).get();
}

TEST(PoolWaiting, NestsThousandsOfLevelsDeep) {
  // ThreadSanitizer keeps the calls of a thread, some 13 a level, in 65,536 entries, and writes past their end.
  constexpr int levels = fanout_test::thread_sanitized ? 2000 : 5000;
  constexpr std::size_t stack = std::size_t{fanout_test::sanitized ? 64 : 8} << 20;
  thread_pool pool({.workers = 1, .stack_size = stack});
  EXPECT_EQ(pool.submit([&] { return nested(pool, levels); }).get(), levels);
  EXPECT_EQ(pool.stats().threads, 1U);
}

int nested_until_it_fails(thread_pool& pool, std::atomic<bool>& failed) {
  if (failed) return 0;  // the innermost was not waited for, and comes later
  auto inner = pool.submit([&] { return nested_until_it_fails(pool, failed); });
  try {
    return 1 + inner.get();
  } catch (const fanout::error&) {
    failed = true;
    throw;
  }
}

TEST(PoolWaiting, NestingTooDeeplyIsAnError) {
  thread_pool pool({.workers = 1, .stack_size = std::size_t{1} << 20});
  std::atomic<bool> failed = false;
  auto deep = pool.submit([&] { return nested_until_it_fails(pool, failed); });
  try {
    deep.get();
    ADD_FAILURE() << "no error";
  } catch (const fanout::error& error) {
    EXPECT_NE(std::string(error.what()).find("stack_size"), std::string::npos) << error.what();
  }
  EXPECT_EQ(pool.submit([&] { return nested(pool, 10); }).get(), 10);
}

TEST(PoolWaiting, WithADeadlineItGivesUpInTime) {
  thread_pool pool(2);
  std::latch release(1);
  auto blocker = pool.submit([&] { release.wait(); });
  auto waits = pool.submit([&] { return blocker.wait_for(1ms); });
  EXPECT_FALSE(waits.get());
  auto waits_longer = pool.submit([&] { return blocker.wait_for(20ms); });
  EXPECT_FALSE(waits_longer.get());
  release.count_down();
  blocker.get();
}

TEST(PoolWaiting, WithADeadlineItRunsNothingThatItCouldNotLeaveInTime) {
  // Whatever it ran would end only after it has given up.
  thread_pool pool(1);
  std::latch gave_up(1);
  auto gives_up = pool.submit([&] {
    auto own = pool.submit([&] { gave_up.wait(); });
    EXPECT_FALSE(own.wait_for(1ms));
    std::vector<future<void>> owns;
    owns.push_back(std::move(own));
    auto [done, not_done] = fanout::wait(std::move(owns), fanout::return_when::first_completed, 1ms);
    EXPECT_EQ(not_done.size(), 1U);
    gave_up.count_down();
    not_done.at(0).get();
  });
  gives_up.get();
}

TEST(PoolWaiting, PoolsMayWaitForEachOther) {
  thread_pool a(1), b(1);
  auto f = a.submit([&] { return b.submit([] { return 7; }).get(); });
  EXPECT_EQ(f.get(), 7);
}

}  // namespace
