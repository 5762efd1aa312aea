// SPDX-License-Identifier: Apache-2.0
// What every pool does is in pool_suite_test.cpp, what every executor does in executor_suite_test.cpp.
#include "fanout/thread_pool.hpp"

#include <gtest/gtest.h>
#include <pthread.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <latch>
#include <memory>
#include <set>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include "fanout/as_completed.hpp"
#include "fanout/errors.hpp"
#include "fanout/gather.hpp"
#include "fanout/sleep.hpp"
#include "support/sanitized.hpp"

namespace {

using namespace std::chrono_literals;

TEST(ThreadPool, TakesMoveOnlyCallablesAndArguments) {
  fanout::thread_pool pool(1);
  auto f =
      pool.submit([p = std::make_unique<int>(1)](std::unique_ptr<int> q) { return *p + *q; }, std::make_unique<int>(2));
  EXPECT_EQ(f.get(), 3);
}

TEST(ThreadPool, CallsMemberFunctionsAndSharesByRef) {
  struct counter {
    int n = 0;
    int add(int x) { return n += x; }
  } c;
  fanout::thread_pool pool(1);
  EXPECT_EQ(pool.submit(&counter::add, &c, 2).get(), 2);
  pool.submit([](counter& shared) { shared.n = 9; }, std::ref(c)).get();
  EXPECT_EQ(c.n, 9);
}

TEST(ThreadPool, RunsTasksAtTheSameTimeOnThreadsOfItsOwn) {
  fanout::thread_pool pool(3);
  std::latch together(3);
  std::vector<fanout::future<std::thread::id>> ids;
  for (int i = 0; i < 3; ++i) {
    ids.push_back(pool.submit([&] {
      together.arrive_and_wait();
      return std::this_thread::get_id();
    }));
  }
  std::set<std::thread::id> distinct;
  for (auto& id : ids) distinct.insert(id.get());
  EXPECT_EQ(distinct.size(), 3U);
  EXPECT_FALSE(distinct.contains(std::this_thread::get_id()));
}

TEST(ThreadPool, TheCallableIsGoneWhenItsResultIsThere) {
  fanout::thread_pool pool(1);
  auto held = std::make_shared<int>(0);
  auto f = pool.submit([held] {});
  f.wait();
  EXPECT_EQ(held.use_count(), 1);
}

TEST(ThreadPool, RefusesZeroWorkers) { EXPECT_THROW(fanout::thread_pool(0), fanout::error); }

TEST(ThreadPool, NamesItsThreads) {
  fanout::thread_pool pool({.workers = 1, .name = "a name that is far too long"});
  auto name = [] {
    char text[16];
    pthread_getname_np(pthread_self(), text, sizeof text);
    return std::string(text);
  };
  std::string seen;
  do {
    seen = pool.submit(name).get();
  } while (seen != "a name that is ");
  EXPECT_EQ(seen, "a name that is ");
}

std::size_t size_of_this_stack() {
  pthread_attr_t attributes;
  pthread_getattr_np(pthread_self(), &attributes);
  std::size_t bytes = 0;
  pthread_attr_getstacksize(&attributes, &bytes);
  pthread_attr_destroy(&attributes);
  return bytes;
}

/// Writes to `bytes` of the stack, from the top on.
void use_stack(std::size_t bytes) {
  volatile char part[4096];
  part[0] = 1;
  part[sizeof part - 1] = 1;
  if (bytes > sizeof part) use_stack(bytes - sizeof part);
  part[1] = 1;  // so that it is no tail call
}

TEST(ThreadPool, GivesStacksOfTheSizeAskedFor) {
  constexpr std::size_t megabyte = 1 << 20, page = 4096;
  for (const std::size_t asked : {megabyte, megabyte + 3 * page, 5 * megabyte, 32 * megabyte}) {
    fanout::thread_pool pool({.workers = 1, .stack_size = asked});
    const auto check = [asked](std::size_t size) {
      EXPECT_GE(size, asked - page);  // some count the page that guards it, some do not
      EXPECT_LE(size, 4 * asked);     // glibc gives one again that is left over, if it is not larger than that
    };
    check(pool.submit(size_of_this_stack).get());
    if (!fanout_test::sanitized) pool.submit(use_stack, asked - asked / 4).get();
    // Whoever takes the place of one who waits is no different.
    auto naps = []() -> fanout::task<std::size_t> {
      co_await fanout::sleep(1ms);
      co_return size_of_this_stack();
    };
    check(pool.submit([&] { return pool.run(naps()); }).get());
    EXPECT_EQ(pool.stats().threads, 2U);
  }
}

TEST(ThreadPool, SaysWhichStacksItCannotGive) {
  try {
    fanout::thread_pool pool({.workers = 3, .stack_size = 1000});
    ADD_FAILURE() << "the system takes no less than 16 KB";
  } catch (const std::system_error& error) {
    EXPECT_NE(std::string(error.what()).find("cannot start thread 1 of 3 with stacks of 1000 bytes"), std::string::npos)
        << error.what();
    EXPECT_EQ(error.code(), std::errc::invalid_argument);
  }
}

// --- cancelling

TEST(ThreadPool, ARunningTaskIsAskedToStopByItsToken) {
  fanout::thread_pool pool(1);
  std::latch begun(1);
  auto f = pool.submit(
      [&](fanout::stop_token stop, int x) {
        begun.count_down();
        while (!stop.stop_requested()) std::this_thread::yield();
        return x;
      },
      5);
  begun.wait();
  EXPECT_TRUE(f.cancel());
  EXPECT_EQ(f.get(), 5);
}

TEST(ThreadPool, ARunningTaskWithoutATokenCannotBeCancelled) {
  fanout::thread_pool pool(1);
  std::latch begun(1), release(1);
  auto f = pool.submit([&] {
    begun.count_down();
    release.wait();
    return 1;
  });
  begun.wait();
  EXPECT_FALSE(f.cancel());
  release.count_down();
  EXPECT_EQ(f.get(), 1);
}

// --- the end

TEST(ThreadPool, ItsDestructorWaitsForWhatItsLastTasksSpawn) {
  bool ended = false;
  auto late = [](bool& e) -> fanout::task<> {
    co_await fanout::sleep(1ms);
    e = true;
  };
  std::latch closing(1);
  {
    fanout::thread_pool pool(1);
    pool.post([&] {
      closing.wait();
      static_cast<void>(fanout::spawn(late(ended)));
    });
    closing.count_down();
  }
  EXPECT_TRUE(ended);
}

// --- order and fairness

TEST(ThreadPool, WhatIsSubmittedFromOutsideBeginsInItsOrder) {
  fanout::thread_pool pool(1);
  std::latch submitted(1);
  std::vector<int> order;
  pool.post([&] { submitted.wait(); });
  std::vector<fanout::future<void>> futures;
  for (int i = 0; i < 500; ++i) futures.push_back(pool.submit([&order, i] { order.push_back(i); }));
  submitted.count_down();
  for (auto& f : futures) f.get();
  EXPECT_TRUE(std::ranges::is_sorted(order));
}

TEST(ThreadPool, WhatATaskSubmitsBeginsWithTheNewest) {
  fanout::thread_pool pool(1);
  std::vector<int> order;
  pool.submit([&] {
        for (int i = 0; i < 5; ++i) static_cast<void>(pool.submit([&order, i] { order.push_back(i); }));
      })
      .get();
  pool.submit([] {}).get();
  EXPECT_EQ(order, (std::vector{4, 3, 2, 1, 0}));
}

/// Submits itself anew until `over`.
void go_on(fanout::thread_pool& pool, const std::atomic<bool>& over) {
  if (!over) static_cast<void>(pool.submit([&] { go_on(pool, over); }));
}

TEST(ThreadPool, WorkThatMakesItselfAnewForEverStarvesNeitherTheOldestNorWhatIsGivenFromOutside) {
  std::atomic<bool> over = false, oldest_ran = false;
  fanout::thread_pool pool(1);
  auto hog = pool.submit([&] {
    static_cast<void>(pool.submit([&] { oldest_ran = true; }));
    go_on(pool, over);
  });
  hog.get();
  pool.submit([] {}).get();
  while (!oldest_ran) std::this_thread::yield();
  over = true;
}

TEST(ThreadPool, AMillionMayBePending) {
  fanout::thread_pool pool(2);
  std::latch submitted(1), both(2);
  for (int i = 0; i < 2; ++i) {
    pool.post([&] {
      both.count_down();
      submitted.wait();
    });
  }
  both.wait();
  std::atomic<int> ran = 0;
  constexpr int tasks = 1'000'000;
  for (int i = 0; i < tasks; ++i) pool.post([&] { ran.fetch_add(1, std::memory_order_relaxed); });
  EXPECT_EQ(pool.stats().queued, std::size_t{tasks});
  submitted.count_down();
  EXPECT_TRUE(pool.shutdown());
  EXPECT_EQ(ran, tasks);
}

TEST(ThreadPool, ATaskMaySubmitMoreThanItsDequeHolds) {
  fanout::thread_pool pool(2);
  std::atomic<int> ran = 0;
  pool.submit([&] {
        std::vector<fanout::future<void>> futures;
        for (int i = 0; i < 5000; ++i) futures.push_back(pool.submit([&] { ++ran; }));
        for (auto& f : futures) f.get();
      })
      .get();
  EXPECT_EQ(ran, 5000);
}

TEST(ThreadPool, ManyWorkersAndManyWhoSubmit) {
  fanout::thread_pool pool(64);
  std::atomic<int> ran = 0;
  std::vector<std::jthread> submitters;
  for (int t = 0; t < 16; ++t) {
    submitters.emplace_back([&] {
      std::vector<fanout::future<int>> futures;
      for (int i = 0; i < 500; ++i) futures.push_back(pool.submit([&, i] { return ++ran, i; }));
      int sum = 0;
      for (auto& f : futures) sum += f.get();
      EXPECT_EQ(sum, 500 * 499 / 2);
    });
  }
  submitters.clear();
  EXPECT_EQ(ran, 16 * 500);
}

class LoneSubmits : public testing::TestWithParam<unsigned> {};

/// How many: FANOUT_LONE_SUBMITS of them, for each number of workers.
int lone_submits() {
  const char* const text = std::getenv("FANOUT_LONE_SUBMITS");
  if (text != nullptr) return std::stoi(text);
  return fanout_test::sanitized ? 10'000 : 50'000;
}

/// Each while the worker that ran the one before still searches, or announces that it sleeps, or sleeps; every tenth
/// when all do. A missed one hangs.
TEST_P(LoneSubmits, AreNeverMissedByAPoolThatFallsAsleep) {
  const int submits = lone_submits();
  fanout::thread_pool pool(GetParam());
  std::uint32_t dice = 1;
  for (int i = 0; i < submits; ++i) {
    if (i % 10 == 0) {
      while (pool.stats().busy > 0) std::this_thread::yield();
    }
    dice = dice * 1664525U + 1013904223U;
    const auto until = std::chrono::steady_clock::now() + std::chrono::nanoseconds(dice >> 18);
    while (std::chrono::steady_clock::now() < until) {
    }
    ASSERT_EQ(pool.submit([i] { return i; }).get(), i);
  }
  EXPECT_GE(pool.stats().sleeps, static_cast<unsigned>(submits) / 10) << "it did not fall asleep: nothing was tried";
}

INSTANTIATE_TEST_SUITE_P(Workers, LoneSubmits, testing::Values(1, 2, 3, 4));

TEST(ThreadPool, AnIdlePoolDoesNotWakeUp) {
  fanout::thread_pool pool(3);
  auto nap = []() -> fanout::task<> { co_await fanout::sleep(1ms); };
  pool.run(nap());
  while (pool.stats().busy > 0) std::this_thread::yield();
  std::uint64_t wake_ups = 0;
  for (int attempt = 0; attempt < 5; ++attempt) {  // one that saw work just before it slept looks once more
    const auto before = pool.stats();
    std::this_thread::sleep_for(100ms);  // the longer, the more it would show
    wake_ups = pool.stats().sleeps - before.sleeps;
    if (wake_ups == 0) break;
  }
  EXPECT_EQ(wake_ups, 0U);
  EXPECT_EQ(pool.stats().busy, 0U);
}

TEST(ThreadPool, ATimerIsDueInTimeWhileItsTimekeeperIsBusy) {
  fanout::thread_pool pool(2);
  std::latch napped(1);
  auto computes = [&]() -> fanout::task<> {
    co_await fanout::sleep(1ms);
    napped.wait();  // keeps the worker that woke it
  };
  auto naps_longer = [&]() -> fanout::task<> {
    co_await fanout::sleep(10ms);
    napped.count_down();
  };
  auto both = [&]() -> fanout::task<> { co_await fanout::gather(computes(), naps_longer()); };
  pool.run(both());  // for ever, if nobody took over to look at the time
}

TEST(ThreadPool, CountsWhatItDoes) {
  fanout::thread_pool pool(2);
  for (int i = 0; i < 10; ++i) pool.submit([] {}).get();
  while (pool.stats().busy > 0) std::this_thread::yield();  // the last is counted when it has ended
  const fanout::pool_stats stats = pool.stats();
  EXPECT_EQ(stats.workers, 2U);
  EXPECT_EQ(stats.threads, 2U);
  EXPECT_EQ(stats.completed, 10U);
  EXPECT_EQ(stats.queued, 0U);
}

// --- map

TEST(ThreadPoolMap, OwnsRvalueInputs) {
  fanout::thread_pool pool(1);
  std::latch release(1);
  auto blocker = pool.submit([&] { release.wait(); });
  auto sizes = pool.map([](const std::string& s) { return s.size(); }, std::vector<std::string>{std::string(100, 'x')});
  release.count_down();
  EXPECT_EQ(sizes.get(), std::vector<std::size_t>{100});
  blocker.get();
}

TEST(ThreadPoolMap, WorksInPlaceAndReturnsNothing) {
  fanout::thread_pool pool(2);
  std::vector<int> values{1, 2, 3};
  pool.map([](int& x) { x *= 10; }, values).get();
  EXPECT_EQ(values, (std::vector{10, 20, 30}));
}

// --- coroutines

TEST(ThreadPool, RunsCoroutinesOnAllItsWorkers) {
  fanout::thread_pool pool(3);
  std::latch together(3);
  auto meets_the_others = [&]() -> fanout::task<std::thread::id> {
    co_await fanout::yield();
    together.arrive_and_wait();
    co_return std::this_thread::get_id();
  };
  auto main = [&]() -> fanout::task<std::size_t> {
    auto [a, b, c] = co_await fanout::gather(meets_the_others(), meets_the_others(), meets_the_others());
    co_return std::set{a, b, c}.size();
  };
  EXPECT_EQ(pool.run(main()), 3U);
}

TEST(ThreadPool, AWorkerMayRunAnotherCoroutineToItsEnd) {
  fanout::thread_pool pool(1);
  auto inner = []() -> fanout::task<int> {
    co_await fanout::yield();
    co_return 7;
  };
  EXPECT_EQ(pool.submit([&] { return pool.run(inner()); }).get(), 7);
}

}  // namespace
