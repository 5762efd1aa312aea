// SPDX-License-Identifier: Apache-2.0
#include "fanout/event.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "fanout/errors.hpp"
#include "fanout/event_loop.hpp"
#include "fanout/gather.hpp"
#include "fanout/serial_executor.hpp"
#include "fanout/spawn.hpp"
#include "fanout/task.hpp"
#include "fanout/thread_pool.hpp"
#include "waits.hpp"

namespace {

using fanout_test::others_run;

TEST(Event, IsSetUntilItIsCleared) {
  fanout::event e;
  EXPECT_FALSE(e.is_set());
  e.set();
  e.set();
  EXPECT_TRUE(e.is_set());
  e.clear();
  EXPECT_FALSE(e.is_set());
}

TEST(Event, NobodyWaitsForOneThatIsSet) {
  fanout::event e;
  e.set();
  auto main = [&]() -> fanout::task<> { co_await e.wait(); };
  fanout::serial_executor().run(main());
}

TEST(Event, WakesAllWhoWaitInTheirOrder) {
  fanout::event e;
  std::vector<int> woken;
  auto wait = [&](int i) -> fanout::task<> {
    co_await e.wait();
    woken.push_back(i);
  };
  auto set = [&]() -> fanout::task<> {
    EXPECT_TRUE(woken.empty());
    e.set();
    co_return;
  };
  fanout::serial_executor().run(fanout::gather(wait(1), wait(2), wait(3), set()));
  EXPECT_EQ(woken, (std::vector{1, 2, 3}));
}

TEST(Event, WhoWasWokenGoesOnThoughItIsClearedAtOnce) {
  fanout::event e;
  int woken = 0;
  auto wait = [&]() -> fanout::task<> {
    co_await e.wait();
    EXPECT_FALSE(e.is_set());
    ++woken;
  };
  auto pulse = [&]() -> fanout::task<> {
    e.set();
    e.clear();
    co_return;
  };
  fanout::serial_executor().run(fanout::gather(wait(), wait(), pulse()));
  EXPECT_EQ(woken, 2);
}

TEST(Event, IsWaitedForAgainAfterItWasCleared) {
  fanout::event e;
  int rounds = 0;
  auto wait = [&]() -> fanout::task<> {
    for (; rounds < 3; ++rounds) {
      co_await e.wait();
      e.clear();
    }
  };
  auto set = [&]() -> fanout::task<> {
    while (rounds < 3) {
      e.set();
      co_await others_run();
    }
  };
  fanout::serial_executor().run(fanout::gather(wait(), set()));
  EXPECT_EQ(rounds, 3);
}

TEST(Event, IsSetByAnyThread) {
  fanout::event e;
  std::thread setter;
  auto main = [&]() -> fanout::task<> {
    const auto here = std::this_thread::get_id();
    setter = std::thread([&] { e.set(); });
    co_await e.wait();
    EXPECT_EQ(std::this_thread::get_id(), here);
  };
  fanout::run(main());
  setter.join();
}

TEST(Event, WhoIsStoppedLeavesTheOthersWaiting) {
  fanout::event e;
  int woken = 0, stopped = 0;
  auto wait = [&]() -> fanout::task<> {
    try {
      co_await e.wait();
      ++woken;
    } catch (const fanout::cancelled&) {
      ++stopped;
      throw;
    }
  };
  auto stop_then_set = [&]() -> fanout::task<> {
    co_await fanout_test::stopped_by_an_error(wait());
    co_await fanout_test::stopped_at_once(wait());
    EXPECT_EQ(stopped, 2);
    EXPECT_EQ(woken, 0);
    e.set();
  };
  fanout::serial_executor().run(fanout::gather(wait(), stop_then_set(), wait()));
  EXPECT_EQ(woken, 2);
}

TEST(Event, ThatWasSetCountsThoughAStopFollows) {
  fanout::event e;
  bool went_on = false, next_wait_threw = false;
  auto wait = [&]() -> fanout::task<> {
    co_await e.wait();
    went_on = true;
    e.clear();
    try {
      co_await e.wait();
    } catch (const fanout::cancelled&) {
      next_wait_threw = true;
    }
  };
  auto set_and_fail = [&]() -> fanout::task<> {
    e.set();
    throw fanout_test::on_purpose();
    co_return;
  };
  EXPECT_THROW(fanout::serial_executor().run(fanout::gather(wait(), set_and_fail())), fanout_test::on_purpose);
  EXPECT_TRUE(went_on);
  EXPECT_TRUE(next_wait_threw);
}

TEST(Event, MayBeDestroyedByTheOneItWakes) {
  auto e = std::make_unique<fanout::event>();
  bool gone = false;
  auto wait = [&]() -> fanout_test::detached {
    co_await e->wait();
    e.reset();
    gone = true;
  };
  wait();
  EXPECT_FALSE(gone);
  e->set();  // inside of which the coroutine goes on
  EXPECT_TRUE(gone);
}

TEST(Event, MayBeDestroyedAsSoonAsItIsSeenToBeSet) {
  fanout::thread_pool pool(2);
  auto main = [&]() -> fanout::task<> {
    for (int round = 0; round < 500; ++round) {
      fanout::future<void> setter;
      {
        fanout::event e;
        setter = pool.submit([&] { e.set(); });
        if (round % 2 == 0) {
          while (!e.is_set()) std::this_thread::yield();
        } else {
          co_await e.wait();
        }
      }
      co_await std::move(setter);
    }
  };
  fanout::run(main());
}

TEST(Event, SettingAndStoppingAtTheSameTimeWakesEverybodyOnce) {
  fanout::thread_pool pool(4);
  std::atomic<int> woken = 0, stopped = 0;
  constexpr unsigned waiters = 20, rounds = 50;
  for (unsigned round = 0; round < rounds; ++round) {
    fanout::event e;
    auto wait = [&]() -> fanout::task<> {
      try {
        co_await e.wait();
        ++woken;
      } catch (const fanout::cancelled&) {
        ++stopped;
        throw;
      }
    };
    auto set = [&]() -> fanout::task<> {
      co_await others_run();
      e.set();
    };
    std::vector<fanout::task<>> all;
    for (unsigned i = 0; i < waiters; ++i) all.push_back(fanout_test::stopped_sometime(round * waiters + i, wait()));
    all.push_back(set());
    pool.run(fanout::gather(std::move(all)));
  }
  EXPECT_EQ(woken + stopped, static_cast<int>(waiters * rounds));
}

TEST(EventDeathTest, IsNotDestroyedWhileACoroutineWaits) {
  auto destroy = [] {
    auto e = std::make_optional<fanout::event>();
    auto wait = [&]() -> fanout::task<> { co_await e->wait(); };
    auto reset = [&]() -> fanout::task<> {
      e.reset();
      co_return;
    };
    fanout::serial_executor().run(fanout::gather(wait(), reset()));
  };
  EXPECT_DEATH(destroy(), "an event is destroyed while a coroutine waits");
}

}  // namespace
