// SPDX-License-Identifier: Apache-2.0
// What every pool does is in pool_suite_test.cpp, what every executor does in executor_suite_test.cpp.
#include "fanout/thread_pool.hpp"

#include <gtest/gtest.h>
#include <pthread.h>

#include <chrono>
#include <cstddef>
#include <functional>
#include <latch>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "fanout/as_completed.hpp"
#include "fanout/errors.hpp"
#include "fanout/gather.hpp"
#include "fanout/sleep.hpp"

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

TEST(ThreadPool, WorkersThatHelpDoNotNestAsDeepAsTheQueueIsLong) {
  fanout::thread_pool pool(2);
  EXPECT_EQ(pool.submit([&] { return fib(pool, 22); }).get(), 17'711);
  std::vector<fanout::future<int>> futures;
  for (int i = 0; i < 20'000; ++i) {
    futures.push_back(pool.submit([&pool, i] { return pool.submit([i] { return i; }).get(); }));
  }
  long sum = 0;
  for (auto& f : futures) sum += f.get();
  EXPECT_EQ(sum, 20'000L * 19'999 / 2);
}

int nested(fanout::thread_pool& pool, int depth) {
  return depth == 0 ? 0 : 1 + pool.submit([&pool, depth] { return nested(pool, depth - 1); }).get();
}

TEST(ThreadPool, NestsFiveThousandLevelsDeep) {
  fanout::thread_pool pool({.workers = 1, .stack_size = std::size_t{64} << 20});  // sanitizers need more than 8 MB
  EXPECT_EQ(pool.submit([&] { return nested(pool, 5000); }).get(), 5000);
}

int nested_until_it_fails(fanout::thread_pool& pool, std::atomic<bool>& failed) {
  if (failed) return 0;  // the innermost was not waited for, and comes later
  auto inner = pool.submit([&] { return nested_until_it_fails(pool, failed); });
  try {
    return 1 + inner.get();
  } catch (const fanout::error&) {
    failed = true;
    throw;
  }
}

TEST(ThreadPool, NestingTooDeeplyIsAnError) {
  fanout::thread_pool pool({.workers = 1, .stack_size = std::size_t{1} << 20});
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
