// SPDX-License-Identifier: Apache-2.0
#include "fanout/semaphore.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <concepts>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "fanout/errors.hpp"
#include "fanout/event_loop.hpp"
#include "fanout/gather.hpp"
#include "fanout/serial_executor.hpp"
#include "fanout/sleep.hpp"
#include "fanout/task.hpp"
#include "fanout/thread_pool.hpp"
#include "waits.hpp"

namespace {

using fanout_test::others_run;

static_assert(std::movable<fanout::semaphore::permit> && !std::copyable<fanout::semaphore::permit>);

TEST(Semaphore, LetsInAsManyAsItHasPermits) {
  fanout::semaphore s(2);
  int inside = 0, most = 0, entered = 0;
  auto enter = [&]() -> fanout::task<> {
    const auto permit = co_await s.acquire();
    most = std::max(most, ++inside);
    co_await others_run();
    --inside;
    ++entered;
  };
  fanout::serial_executor().run(fanout::gather(enter(), enter(), enter(), enter(), enter()));
  EXPECT_EQ(most, 2);
  EXPECT_EQ(entered, 5);
  EXPECT_EQ(s.available(), 2U);
}

TEST(Semaphore, ServesTheOneWhoWaitedLongest) {
  fanout::semaphore s(0);
  std::vector<int> order;
  auto enter = [&](int i) -> fanout::task<> {
    const auto permit = co_await s.acquire();
    order.push_back(i);
  };
  auto open = [&]() -> fanout::task<> {
    s.release();
    EXPECT_FALSE(s.try_acquire().has_value()) << "it is the waiting one's already";
    co_return;
  };
  fanout::serial_executor().run(fanout::gather(enter(1), enter(2), enter(3), open()));
  EXPECT_EQ(order, (std::vector{1, 2, 3}));
}

TEST(Semaphore, SeveralPermitsWakeAsMany) {
  fanout::semaphore s(0);
  int woken = 0;
  std::vector<fanout::semaphore::permit> held;
  auto enter = [&]() -> fanout::task<> {
    held.push_back(co_await s.acquire());
    ++woken;
  };
  auto open = [&]() -> fanout::task<> {
    s.release(2);
    co_await others_run();
    EXPECT_EQ(woken, 2);
    s.release(3);
    co_await others_run();
    EXPECT_EQ(woken, 3);
    EXPECT_EQ(s.available(), 2U) << "those that nobody waits for";
  };
  fanout::serial_executor().run(fanout::gather(enter(), enter(), enter(), open()));
  held.clear();
  EXPECT_EQ(s.available(), 5U);
}

TEST(Semaphore, TryAcquireTakesWhatIsThere) {
  fanout::semaphore s(1);
  auto permit = s.try_acquire();
  ASSERT_TRUE(permit.has_value());
  EXPECT_EQ(s.available(), 0U);
  EXPECT_FALSE(s.try_acquire().has_value());
  permit.reset();
  EXPECT_EQ(s.available(), 1U);
}

TEST(Semaphore, APermitIsGivenBackOnce) {
  fanout::semaphore s(2);
  auto first = s.try_acquire();
  fanout::semaphore::permit moved = std::move(*first);
  first.reset();
  EXPECT_EQ(s.available(), 1U);
  moved.release();
  moved.release();
  EXPECT_EQ(s.available(), 2U);
  moved = *s.try_acquire();
  moved = *s.try_acquire();
  EXPECT_EQ(s.available(), 1U) << "the permit it had before was given back";
}

TEST(Semaphore, IsSignalledByAnyThread) {
  fanout::semaphore s(0);
  constexpr std::size_t signals = 1000;
  std::thread signaller([&] {
    for (std::size_t i = 0; i < signals; ++i) s.release();
  });
  auto main = [&]() -> fanout::task<> {
    std::vector<fanout::semaphore::permit> received;
    while (received.size() < signals) received.push_back(co_await s.acquire());
    EXPECT_EQ(s.available(), 0U);
  };
  fanout::run(main());
  signaller.join();
  EXPECT_EQ(s.available(), signals);
}

TEST(Semaphore, WhoIsStoppedTakesNoPermit) {
  fanout::semaphore s(0);
  std::vector<int> order;
  auto enter = [&](int i) -> fanout::task<> {
    const auto permit = co_await s.acquire();
    order.push_back(i);
  };
  auto stop_some = [&]() -> fanout::task<> {
    co_await fanout::gather(fanout_test::stopped_by_an_error(enter(1)), fanout_test::stopped_at_once(enter(2)));
    s.release();
  };
  fanout::serial_executor().run(fanout::gather(stop_some(), enter(3)));
  EXPECT_EQ(order, std::vector{3});
  EXPECT_EQ(s.available(), 1U);
}

TEST(Semaphore, APermitThatWasGrantedCountsThoughAStopFollows) {
  fanout::semaphore s(0);
  bool had_it = false, next_wait_threw = false;
  auto wait = [&]() -> fanout::task<> {
    const auto permit = co_await s.acquire();
    had_it = true;
    try {
      const auto another = co_await s.acquire();
    } catch (const fanout::cancelled&) {
      next_wait_threw = true;
    }
  };
  auto release_and_fail = [&]() -> fanout::task<> {
    s.release();
    throw fanout_test::on_purpose();
    co_return;
  };
  EXPECT_THROW(fanout::serial_executor().run(fanout::gather(wait(), release_and_fail())), fanout_test::on_purpose);
  EXPECT_TRUE(had_it);
  EXPECT_TRUE(next_wait_threw);
  EXPECT_EQ(s.available(), 1U);
}

TEST(Semaphore, KeepsItsPermitsWhenReleasesAndStopsRace) {
  fanout::thread_pool pool(4);
  static constexpr int permits = 3;
  fanout::semaphore s(permits);
  std::atomic<int> inside = 0, entered = 0;
  auto enter = [&]() -> fanout::task<> {
    for (int i = 0; i < 20; ++i) {
      const auto permit = co_await s.acquire();
      struct visit {
        std::atomic<int>& inside;
        explicit visit(std::atomic<int>& n) : inside(n) { EXPECT_LE(++inside, permits); }
        ~visit() { --inside; }
      } const here(inside);
      ++entered;
      co_await fanout::yield();
    }
  };
  constexpr unsigned rounds = 100, rivals = 8;
  for (unsigned round = 0; round < rounds; ++round) {
    std::vector<fanout::task<>> all;
    for (unsigned i = 0; i < rivals; ++i) all.push_back(fanout_test::stopped_sometime(round * rivals + i, enter()));
    all.push_back(enter());
    pool.run(fanout::gather(std::move(all)));
  }
  EXPECT_GE(entered, 20 * static_cast<int>(rounds));
  EXPECT_EQ(s.available(), static_cast<std::size_t>(permits));
}

TEST(SemaphoreDeathTest, IsNotDestroyedWhileACoroutineWaits) {
  auto destroy = [] {
    auto s = std::make_optional<fanout::semaphore>(0);
    auto wait = [&]() -> fanout::task<> { const auto permit = co_await s->acquire(); };
    auto reset = [&]() -> fanout::task<> {
      s.reset();
      co_return;
    };
    fanout::serial_executor().run(fanout::gather(wait(), reset()));
  };
  EXPECT_DEATH(destroy(), "a semaphore is destroyed while a coroutine waits");
}

}  // namespace
