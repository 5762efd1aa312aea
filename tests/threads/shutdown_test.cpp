// SPDX-License-Identifier: Apache-2.0
// How a thread pool comes to its end.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <latch>
#include <optional>
#include <thread>
#include <vector>

#include "fanout/errors.hpp"
#include "fanout/event.hpp"
#include "fanout/sleep.hpp"
#include "fanout/spawn.hpp"
#include "fanout/thread_pool.hpp"

namespace {

using namespace std::chrono_literals;
using fanout::future;
using fanout::shutdown_mode;
using fanout::thread_pool;

/// Keeps the workers of a pool busy until it is opened, or destroyed. It is not gone before they have left it.
class gate {
 public:
  explicit gate(thread_pool& pool) : begun_(pool.workers()), left_(pool.workers()) {
    for (unsigned i = 0; i < pool.workers(); ++i) {
      pool.post([this] {
        begun_.count_down();
        open_.wait();
        left_.count_down();
      });
    }
    begun_.wait();
  }
  ~gate() {
    if (!open_.try_wait()) open();
    left_.wait();
  }
  void open() { open_.count_down(); }

 private:
  std::latch begun_, open_{1}, left_;
};

TEST(PoolShutdown, DrainRunsAllThatThereIs) {
  thread_pool pool(2);
  std::atomic<int> ran = 0;
  std::vector<future<int>> futures;
  for (int i = 0; i < 100; ++i) {
    futures.push_back(
        pool.submit([&] { return pool.submit([&] { return ++ran; }).get(); }));  // its own may still submit
  }
  EXPECT_TRUE(pool.shutdown());
  EXPECT_EQ(ran, 100);
  for (auto& f : futures) EXPECT_TRUE(f.ready());
  EXPECT_EQ(pool.stats().threads, 0U);
}

TEST(PoolShutdown, AfterwardsItTakesNoMore) {
  thread_pool pool(1);
  EXPECT_TRUE(pool.shutdown());
  EXPECT_TRUE(pool.shutdown());  // once more does no harm
  EXPECT_THROW(static_cast<void>(pool.submit([] {})), fanout::pool_closed);
  EXPECT_THROW(pool.post([] {}), fanout::pool_closed);
  EXPECT_THROW(static_cast<void>(pool.map([](int x) { return x; }, {1})), fanout::pool_closed);
  auto nothing = []() -> fanout::task<> { co_return; };
  EXPECT_THROW(pool.run(nothing()), fanout::pool_closed);
}

TEST(PoolShutdown, ADrainThatTakesTooLongCanBeWaitedForAgain) {
  thread_pool pool(1);
  gate gate(pool);
  auto last = pool.submit([] { return 1; });
  EXPECT_FALSE(pool.shutdown(shutdown_mode::drain, 1ms));
  EXPECT_FALSE(last.ready());
  EXPECT_THROW(static_cast<void>(pool.submit([] {})), fanout::pool_closed);
  gate.open();
  EXPECT_TRUE(pool.shutdown());
  EXPECT_EQ(last.get(), 1);
}

TEST(PoolShutdown, CancelPendingCancelsAtOnceWhatHasNotBegun) {
  thread_pool pool(2);
  gate gate(pool);
  std::vector<future<int>> futures;
  for (int i = 0; i < 1000; ++i) futures.push_back(pool.submit([] { return 1; }));
  bool dropped = true;
  pool.post([&] { dropped = false; });
  EXPECT_FALSE(pool.shutdown(shutdown_mode::cancel_pending, 0ms));
  for (auto& f : futures) EXPECT_THROW(f.get(), fanout::cancelled);  // although both workers are busy
  gate.open();
  EXPECT_TRUE(pool.shutdown(shutdown_mode::cancel_pending));
  EXPECT_TRUE(dropped);
}

TEST(PoolShutdown, WhatHasBegunGoesOnWithItsCoroutines) {
  thread_pool pool(1);
  std::latch begun(1);
  auto long_one = [&]() -> fanout::task<int> {
    begun.count_down();
    co_await fanout::sleep(5ms);
    co_return 3;
  };
  std::optional<int> result;
  std::jthread runs([&] { result = pool.run(long_one()); });
  begun.wait();
  EXPECT_TRUE(pool.shutdown(shutdown_mode::cancel_pending));
  runs.join();
  EXPECT_EQ(result, 3);
}

TEST(PoolShutdown, KillAsksWhatRunsToStop) {
  thread_pool pool(3);
  std::latch begun(3);
  auto waits = [&](auto& counted) -> fanout::task<> {
    counted.count_down();
    co_await fanout::sleep(24h);
  };
  auto function = pool.submit([&](fanout::stop_token stop) {
    begun.count_down();
    while (!stop.stop_requested()) std::this_thread::yield();
    return 5;
  });
  bool stopped = false;
  std::jthread runs([&] { EXPECT_THROW(pool.run(waits(begun)), fanout::cancelled); });
  auto notes_that_it_was_stopped = [&]() -> fanout::task<> {
    try {
      co_await waits(begun);
    } catch (const fanout::cancelled&) {
      stopped = true;
    }
  };
  pool.post([&] { static_cast<void>(fanout::spawn(notes_that_it_was_stopped())); });
  begun.wait();
  EXPECT_TRUE(pool.shutdown(shutdown_mode::kill));
  EXPECT_TRUE(stopped);
  EXPECT_EQ(function.get(), 5);
}

TEST(PoolShutdown, AKillThatTakesTooLongCanBeWaitedForAgain) {
  thread_pool pool(2);
  std::latch begun(2), release(1);
  auto deaf = pool.submit([&](fanout::stop_token stop) {
    begun.count_down();
    release.wait();
    return stop.stop_requested();
  });
  auto obedient = pool.submit([&](fanout::stop_token stop) {
    begun.count_down();
    while (!stop.stop_requested()) std::this_thread::yield();
    return 5;
  });
  begun.wait();
  auto pending = pool.submit([] { return 1; });
  EXPECT_FALSE(pool.shutdown(shutdown_mode::kill, 1ms));
  EXPECT_EQ(obedient.get(), 5);
  EXPECT_THROW(pending.get(), fanout::cancelled);
  EXPECT_FALSE(deaf.ready());
  EXPECT_THROW(static_cast<void>(pool.submit([] {})), fanout::pool_closed);
  EXPECT_FALSE(pool.shutdown(shutdown_mode::kill, 1ms));
  EXPECT_FALSE(pool.shutdown(shutdown_mode::drain, 0ms));
  release.count_down();
  EXPECT_TRUE(pool.shutdown(shutdown_mode::kill));
  EXPECT_TRUE(deaf.get()) << "it was asked to stop";
}

TEST(PoolShutdown, AKillWaitsForCoroutinesThatDoNotLetThemselvesBeStopped) {
  thread_pool pool(1);
  std::latch begun(1);
  fanout::event may_end;
  bool was_asked = false, ended = false;
  auto stubborn = [&]() -> fanout::task<> {
    try {
      begun.count_down();
      co_await fanout::sleep(24h);
    } catch (const fanout::cancelled&) {
      was_asked = true;
    }
    while (!may_end.is_set()) std::this_thread::yield();  // computes, and does not wait any more
    ended = true;
  };
  pool.post([&] { static_cast<void>(fanout::spawn(stubborn())); });
  begun.wait();
  EXPECT_FALSE(pool.shutdown(shutdown_mode::kill, 5ms));
  EXPECT_FALSE(ended);
  may_end.set();
  EXPECT_TRUE(pool.shutdown(shutdown_mode::kill));
  EXPECT_TRUE(was_asked);
  EXPECT_TRUE(ended);
}

TEST(PoolShutdown, MapsAndForEachAreCancelledToo) {
  thread_pool pool(1);
  gate gate(pool);
  auto map = pool.map([](int x) { return x; }, {1, 2, 3});
  auto windowed = pool.map([](int x) { return x; }, {1, 2, 3}, {.window = 2});
  std::vector<int> values{1, 2};
  std::atomic<bool> called = false;
  std::jthread other([&] { EXPECT_THROW(pool.for_each([&](int&) { called = true; }, values), fanout::cancelled); });
  while (pool.stats().queued < 3) std::this_thread::yield();
  EXPECT_FALSE(pool.shutdown(shutdown_mode::cancel_pending, 0ms));
  EXPECT_THROW(static_cast<void>(map.get()), fanout::cancelled);  // although the worker is busy
  EXPECT_THROW(static_cast<void>(windowed.get()), fanout::cancelled);
  other.join();
  EXPECT_FALSE(called);
  gate.open();
}

TEST(PoolShutdown, KillAsksItemsOfMapsToStop) {
  thread_pool pool(1);
  std::latch begun(1);
  auto map = pool.map(
      [&](fanout::stop_token stop, int x) {
        begun.count_down();
        while (!stop.stop_requested()) std::this_thread::yield();
        return x;
      },
      {7});
  begun.wait();
  EXPECT_TRUE(pool.shutdown(shutdown_mode::kill));
  EXPECT_EQ(map.get(), std::vector{7});
}

TEST(PoolShutdown, DrainRunsMapsWithAWindowToTheirEnd) {
  std::atomic<int> ran = 0;
  {
    thread_pool pool(2);
    static_cast<void>(pool.map([&](int) { ++ran; }, std::vector<int>(1000), {.window = 3}));
  }
  EXPECT_EQ(ran, 1000);
}

TEST(PoolShutdown, WhatIsSubmittedMeanwhileEndsSomehow) {
  // Whoever asks whether the pool is open just before it closes: the task runs, or is cancelled, or refused.
  for (int i = 0; i < 300; ++i) {
    thread_pool pool(2);
    std::atomic<int> ended = 0, refused = 0, ran = 0;
    std::jthread submits([&] {
      try {
        for (;;) {
          auto f = pool.submit([&] { ++ran; });
          try {
            f.get();
          } catch (const fanout::cancelled&) {
          }
          ++ended;
        }
      } catch (const fanout::pool_closed&) {
        ++refused;
      }
    });
    while (ended < i % 3) std::this_thread::yield();
    EXPECT_TRUE(pool.shutdown());
    submits.join();
    EXPECT_EQ(refused, 1);
    EXPECT_LE(ran, ended);
  }
}

TEST(PoolShutdown, OnAWorkerItIsAnError) {
  thread_pool pool(1);
  EXPECT_THROW(pool.submit([&] { pool.shutdown(); }).get(), fanout::error);
  EXPECT_EQ(pool.submit([] { return 1; }).get(), 1);
}

TEST(PoolShutdown, ManyPoolsComeAndGo) {
  for (int i = 0; i < 300; ++i) {
    std::atomic<int> ran = 0;
    thread_pool pool(3);
    for (int j = 0; j < i % 7; ++j) {
      pool.post([&] {
        ++ran;
        static_cast<void>(pool.submit([&] { ++ran; }));
      });
    }
    if (i % 2 == 0) EXPECT_TRUE(pool.shutdown());
    if (i % 2 == 0) EXPECT_EQ(ran, 2 * (i % 7));
  }
}

}  // namespace
