// SPDX-License-Identifier: Apache-2.0
#include "fanout/thread_pool.hpp"

#include <gtest/gtest.h>
#include <pthread.h>

#include <atomic>
#include <chrono>
#include <forward_list>
#include <latch>
#include <memory>
#include <numeric>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "fanout/as_completed.hpp"
#include "fanout/event_loop.hpp"
#include "fanout/gather.hpp"
#include "fanout/sleep.hpp"

namespace {

using namespace std::chrono_literals;

TEST(ThreadPool, RunsACallableWithItsArguments) {
  fanout::thread_pool pool(2);
  auto sum = pool.submit([](int a, const std::string& b) { return a + static_cast<int>(b.size()); }, 40, "xx");
  EXPECT_EQ(sum.get(), 42);
}

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

TEST(ThreadPool, ErrorsComeOutOfGet) {
  fanout::thread_pool pool(1);
  auto f = pool.submit([] { throw std::runtime_error("no"); });
  EXPECT_THROW(f.get(), std::runtime_error);
  EXPECT_EQ(pool.submit([] { return 1; }).get(), 1);
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

TEST(ThreadPool, DestructorRunsEverythingSubmitted) {
  std::atomic<int> ran = 0;
  {
    fanout::thread_pool pool(2);
    for (int i = 0; i < 1000; ++i) pool.post([&] { ++ran; });
    pool.post([&] {
      for (int i = 0; i < 10; ++i) pool.post([&] { ++ran; });
    });
  }
  EXPECT_EQ(ran, 1010);
}

TEST(ThreadPool, ADroppedFutureDetaches) {
  std::atomic<bool> ran = false;
  {
    fanout::thread_pool pool(1);
    (void)pool.submit([&] { ran = true; });
  }
  EXPECT_TRUE(ran);
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

TEST(ThreadPool, GivesStacksOfTheSizeAskedFor) {
  fanout::thread_pool pool({.workers = 1, .stack_size = 1 << 20});
  auto size = pool.submit([] {
    pthread_attr_t attributes;
    pthread_getattr_np(pthread_self(), &attributes);
    std::size_t bytes;
    pthread_attr_getstacksize(&attributes, &bytes);
    pthread_attr_destroy(&attributes);
    return bytes;
  });
  EXPECT_LT(size.get(), std::size_t{2} << 20);
}

// --- cancelling

TEST(ThreadPool, ACancelledTaskThatHasNotBegunNeverRuns) {
  fanout::thread_pool pool(1);
  std::latch release(1);
  auto blocker = pool.submit([&] { release.wait(); });
  std::atomic<bool> ran = false;
  auto f = pool.submit([&] { ran = true; });
  EXPECT_TRUE(f.cancel());
  release.count_down();
  EXPECT_THROW(f.get(), fanout::cancelled);
  blocker.get();
  EXPECT_FALSE(ran);
}

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

// --- waiting inside the pool

int fib(fanout::thread_pool& pool, int n) {
  if (n < 2) return n;
  auto left = pool.submit([&pool, n] { return fib(pool, n - 1); });
  const int right = fib(pool, n - 2);
  return left.get() + right;
}

TEST(ThreadPool, AWorkerThatWaitsForItsOwnPoolRunsOtherWork) {
  fanout::thread_pool one(1);
  EXPECT_EQ(one.submit([&] { return fib(one, 12); }).get(), 144);
  fanout::thread_pool three(3);
  EXPECT_EQ(three.submit([&] { return fib(three, 15); }).get(), 610);
}

TEST(ThreadPool, NestedMapAndAsCompletedDoNotDeadlockOnOneWorker) {
  fanout::thread_pool pool(1);
  auto outer = pool.submit([&] {
    int sum = 0;
    for (const int x : pool.map([](int i) { return i * i; }, std::vector{1, 2, 3}).get()) sum += x;
    for (auto&& item : pool.map([](int i) { return i; }, std::vector{1, 2}).results()) sum += *item;
    std::vector<fanout::future<int>> futures;
    for (int i = 0; i < 3; ++i) futures.push_back(pool.submit([i] { return i; }));
    for (auto&& f : fanout::as_completed(std::move(futures))) sum += f.get();
    return sum;
  });
  EXPECT_EQ(outer.get(), 14 + 3 + 3);
}

TEST(ThreadPool, AWorkerWaitingWithADeadlineGivesUpInTime) {
  fanout::thread_pool pool(2);
  std::latch release(1);
  auto blocker = pool.submit([&] { release.wait(); });
  auto waits = pool.submit([&] { return blocker.wait_for(1ms); });
  EXPECT_FALSE(waits.get());
  release.count_down();
  blocker.get();
}

TEST(ThreadPool, PoolsMayWaitForEachOther) {
  fanout::thread_pool a(1), b(1);
  auto f = a.submit([&] { return b.submit([] { return 7; }).get(); });
  EXPECT_EQ(f.get(), 7);
}

// --- map

TEST(ThreadPoolMap, KeepsTheOrderOfTheInputs) {
  fanout::thread_pool pool(2);
  std::vector<int> inputs(10'000);
  std::iota(inputs.begin(), inputs.end(), 0);
  const auto doubled = pool.map([](int i) { return 2 * i; }, inputs).get();
  for (std::size_t i = 0; i < inputs.size(); ++i) ASSERT_EQ(doubled[i], 2 * inputs[i]);
}

TEST(ThreadPoolMap, TakesAnyRangeAndAnyChunk) {
  fanout::thread_pool pool(2);
  const std::forward_list<int> list{1, 2, 3};
  auto twice = [](int i) { return 2 * i; };
  EXPECT_EQ(pool.map(twice, list).get(), (std::vector{2, 4, 6}));
  EXPECT_EQ(pool.map(twice, std::views::iota(1, 4)).get(), (std::vector{2, 4, 6}));
  EXPECT_EQ(pool.map(twice, std::vector<int>()).get(), std::vector<int>());
  for (const std::size_t chunk : {1, 2, 3, 1000}) {
    EXPECT_EQ(pool.map(twice, std::vector{1, 2, 3}, {.chunk = chunk}).get(), (std::vector{2, 4, 6}));
  }
}

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

TEST(ThreadPoolMap, AnErrorFailsItsItemOnly) {
  fanout::thread_pool pool(2);
  auto odd_only = [](int i) {
    if (i % 2 == 0) throw std::runtime_error(std::to_string(i));
    return i;
  };
  int values = 0, errors = 0;
  for (auto&& outcome : pool.map(odd_only, std::vector{1, 2, 3, 4}).results()) {
    outcome.has_value() ? values += *outcome : ++errors;
  }
  EXPECT_EQ(values, 4);
  EXPECT_EQ(errors, 2);
  EXPECT_THROW((void)pool.map(odd_only, std::vector{1, 2}).get(), std::runtime_error);
}

// --- coroutines

TEST(ThreadPool, ACoroutineAwaitsItsFutureAndGoesOnOnItsLoop) {
  fanout::thread_pool pool(2);
  auto work = [&]() -> fanout::task<int> {
    const auto home = std::this_thread::get_id();
    int sum = co_await pool.submit([] { return 1; });
    EXPECT_EQ(std::this_thread::get_id(), home);
    for (const int x : co_await pool.map([](int i) { return i; }, std::vector{2, 3})) sum += x;
    EXPECT_EQ(std::this_thread::get_id(), home);
    std::vector<fanout::future<int>> futures;
    for (int i = 0; i < 100; ++i) futures.push_back(pool.submit([] { return 1; }));
    auto range = fanout::as_completed(std::move(futures));
    while (auto f = co_await range.next()) sum += f->get();
    EXPECT_EQ(std::this_thread::get_id(), home);
    co_return sum;
  };
  EXPECT_EQ(fanout::run(work()), 106);
}

TEST(ThreadPool, AnAwaitedFutureIsLeftWhenTheCoroutineIsStopped) {
  std::latch release(1);
  fanout::thread_pool pool(1);
  bool stopped = false;
  auto waits = [&]() -> fanout::task<> {
    try {
      co_await pool.submit([&] { release.wait(); });
    } catch (const fanout::cancelled&) {
      stopped = true;
      throw;
    }
  };
  auto fails = []() -> fanout::task<> {
    co_await fanout::yield();
    throw std::runtime_error("x");
  };
  auto both = [&]() -> fanout::task<> { co_await fanout::gather(waits(), fails()); };
  EXPECT_THROW(fanout::run(both()), std::runtime_error);
  EXPECT_TRUE(stopped);
  release.count_down();
}

TEST(ThreadPool, RunsCoroutinesOnAllItsWorkers) {
  fanout::thread_pool pool(2);
  auto leaf = [](int i) -> fanout::task<int> {
    co_await fanout::sleep(std::chrono::microseconds(i % 7));
    co_await fanout::yield();
    co_return 1;
  };
  auto all = [&]() -> fanout::task<int> {
    std::vector<fanout::task<int>> tasks;
    for (int i = 0; i < 2000; ++i) tasks.push_back(leaf(i));
    int sum = 0;
    for (const int x : co_await fanout::gather(std::move(tasks))) sum += x;
    co_return sum;
  };
  EXPECT_EQ(pool.run(all()), 2000);
}

TEST(ThreadPool, StopsSleepersOnManyThreads) {
  fanout::thread_pool pool(2);
  auto waits = []() -> fanout::task<> { co_await fanout::sleep(1h); };
  auto fails = []() -> fanout::task<> {
    co_await fanout::yield();
    throw std::runtime_error("x");
  };
  auto all = [&]() -> fanout::task<> {
    std::vector<fanout::task<>> tasks;
    for (int i = 0; i < 50; ++i) tasks.push_back(waits());
    tasks.push_back(fails());
    for (int i = 0; i < 50; ++i) tasks.push_back(waits());
    co_await fanout::gather(std::move(tasks));
  };
  for (int round = 0; round < 50; ++round) EXPECT_THROW(pool.run(all()), std::runtime_error);
}

TEST(ThreadPool, ManyThreadsSubmitAtTheSameTime) {
  fanout::thread_pool pool(2);
  std::atomic<int> ran = 0;
  std::vector<std::thread> submitters;
  for (int i = 0; i < 4; ++i) {
    submitters.emplace_back([&] {
      std::vector<fanout::future<void>> futures;
      for (int n = 0; n < 5000; ++n) futures.push_back(pool.submit([&] { ++ran; }));
      for (std::size_t n = 0; n < futures.size(); n += 3) futures[n].cancel();
      for (auto& f : futures) {
        try {
          f.get();
        } catch (const fanout::cancelled&) {
          ++ran;
        }
      }
    });
  }
  for (auto& submitter : submitters) submitter.join();
  EXPECT_EQ(ran, 20'000);
}

}  // namespace
