// SPDX-License-Identifier: Apache-2.0
#include "fanout/mutex.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <concepts>
#include <optional>
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

static_assert(std::movable<fanout::mutex::guard> && !std::copyable<fanout::mutex::guard>);

bool is_free(fanout::mutex& m) { return m.try_lock().has_value(); }

TEST(Mutex, LetsInOneAtATime) {
  fanout::mutex m;
  bool inside = false;
  int entered = 0;
  auto enter = [&]() -> fanout::task<> {
    const auto held = co_await m.lock();
    EXPECT_FALSE(std::exchange(inside, true));
    ++entered;
    co_await others_run();
    inside = false;
  };
  fanout::serial_executor().run(fanout::gather(enter(), enter(), enter()));
  EXPECT_EQ(entered, 3);
  EXPECT_TRUE(is_free(m));
}

TEST(Mutex, IsHandedToTheOneWhoWaitedLongest) {
  fanout::mutex m;
  std::vector<int> order;
  auto greedy = [&]() -> fanout::task<> {
    for (int i = 0; i < 3; ++i) {
      const auto held = co_await m.lock();
      order.push_back(0);
      co_await others_run();
    }
  };
  auto enter = [&](int i) -> fanout::task<> {
    const auto held = co_await m.lock();
    order.push_back(i);
  };
  fanout::serial_executor().run(fanout::gather(greedy(), enter(1), enter(2)));
  EXPECT_EQ(order, (std::vector{0, 1, 2, 0, 0}));
}

TEST(Mutex, IsNeverFreeWhileSomebodyWaits) {
  fanout::mutex m;
  auto hold = [&]() -> fanout::task<> {
    auto held = co_await m.lock();
    co_await others_run();
    held.unlock();
    EXPECT_FALSE(is_free(m)) << "it is the waiting one's already";
  };
  auto wait = [&]() -> fanout::task<> { const auto held = co_await m.lock(); };
  fanout::serial_executor().run(fanout::gather(hold(), wait()));
  EXPECT_TRUE(is_free(m));
}

TEST(Mutex, TryLockTakesWhatIsFree) {
  fanout::mutex m;
  auto held = m.try_lock();
  ASSERT_TRUE(held.has_value());
  EXPECT_FALSE(m.try_lock().has_value());
  held.reset();
  EXPECT_TRUE(is_free(m));
}

TEST(Mutex, AGuardUnlocksOnce) {
  fanout::mutex m;
  auto first = m.try_lock();
  first->unlock();
  auto second = m.try_lock();
  ASSERT_TRUE(second.has_value());
  first->unlock();
  first.reset();
  EXPECT_FALSE(is_free(m)) << "the second still holds it";
}

TEST(Mutex, AGuardMovesTheLockWithIt) {
  fanout::mutex m, other;
  auto held = m.try_lock();
  fanout::mutex::guard moved = std::move(*held);
  held.reset();
  EXPECT_FALSE(is_free(m));
  moved = *other.try_lock();
  EXPECT_TRUE(is_free(m)) << "a guard holds one lock: it let go of this one";
  EXPECT_FALSE(is_free(other));
}

TEST(Mutex, WhoIsStoppedLeavesTheQueue) {
  fanout::mutex m;
  std::vector<int> order;
  auto enter = [&](int i) -> fanout::task<> {
    const auto held = co_await m.lock();
    order.push_back(i);
  };
  auto stop_some = [&]() -> fanout::task<> {
    const auto held = co_await m.lock();
    co_await fanout::gather(fanout_test::stopped_by_an_error(enter(1)), fanout_test::stopped_at_once(enter(2)));
    co_await others_run();
    EXPECT_TRUE(order.empty());
  };
  fanout::serial_executor().run(fanout::gather(stop_some(), enter(3), enter(4)));
  EXPECT_EQ(order, (std::vector{3, 4}));
  EXPECT_TRUE(is_free(m));
}

TEST(Mutex, ThatWasHandedOverIsHeldThoughAStopFollows) {
  fanout::mutex m;
  bool had_it = false, next_wait_threw = false;
  auto wait = [&]() -> fanout::task<> {
    const auto held = co_await m.lock();
    had_it = !is_free(m);
    try {
      co_await fanout::yield();
    } catch (const fanout::cancelled&) {
      next_wait_threw = true;
    }
  };
  auto hand_over_and_fail = [&]() -> fanout::task<> {
    auto held = co_await m.lock();
    co_await others_run();
    held.unlock();
    throw fanout_test::on_purpose();
  };
  EXPECT_THROW(fanout::serial_executor().run(fanout::gather(hand_over_and_fail(), wait())), fanout_test::on_purpose);
  EXPECT_TRUE(had_it);
  EXPECT_TRUE(next_wait_threw);
  EXPECT_TRUE(is_free(m));
}

TEST(Mutex, IsRefusedToWhoIsAskedToStopThoughItIsFree) {
  fanout::mutex m;
  long rounds = 0;
  auto forever = [&]() -> fanout::task<> {
    for (;; ++rounds) {
      const auto held = co_await m.lock();  // never has to wait
      if (rounds == 1000) throw fanout_test::on_purpose();
    }
  };
  fanout::serial_executor().run(fanout_test::stopped_at_once(forever()));
  EXPECT_EQ(rounds, 0) << "a loop of waits that need not wait must end, too";
  EXPECT_TRUE(is_free(m));
}

TEST(Mutex, HandsOverToCoroutinesOfOtherLibraries) {
  fanout::mutex m;
  std::vector<int> order;
  auto enter = [&](int i) -> fanout_test::detached {
    const auto held = co_await m.lock();
    order.push_back(i);
  };
  auto held = m.try_lock();
  enter(1);
  enter(2);
  EXPECT_TRUE(order.empty());
  held.reset();
  EXPECT_EQ(order, (std::vector{1, 2}));
  EXPECT_TRUE(is_free(m));
}

TEST(Mutex, ExcludesCoroutinesOfDifferentExecutors) {
  fanout::thread_pool pool(2);
  fanout::mutex m;
  int count = 0;
  constexpr int rounds = 2000;
  auto add = [&]() -> fanout::task<> {
    for (int i = 0; i < rounds; ++i) {
      const auto held = co_await m.lock();
      ++count;
    }
  };
  auto main = [&]() -> fanout::task<> {
    auto on_pool = pool.submit([&] { fanout::serial_executor().run(add()); });
    auto more_on_pool = pool.submit([&] { fanout::run(add()); });
    co_await add();
    co_await std::move(on_pool);
    co_await std::move(more_on_pool);
  };
  fanout::run(main());
  EXPECT_EQ(count, 3 * rounds);
}

TEST(Mutex, IsNotLostWhenHandOverAndStopRace) {
  fanout::thread_pool pool(4);
  fanout::mutex m;
  int inside = 0, count = 0;  // the mutex guards both
  std::atomic<int> entered = 0;
  auto enter = [&]() -> fanout::task<> {
    for (int i = 0; i < 20; ++i) {
      const auto held = co_await m.lock();
      struct visit {
        int& inside;
        explicit visit(int& n) : inside(n) { EXPECT_EQ(++inside, 1); }
        ~visit() { --inside; }
      } const here(inside);
      ++count;
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
  EXPECT_GE(count, 20 * static_cast<int>(rounds));
  EXPECT_EQ(count, entered);
  EXPECT_TRUE(is_free(m));
}

TEST(MutexDeathTest, IsNotDestroyedWhileItIsLocked) {
  auto destroy = [] {
    auto m = std::make_optional<fanout::mutex>();
    auto held = m->try_lock();
    m.reset();
  };
  EXPECT_DEATH(destroy(), "a mutex is destroyed while it is locked");
}

}  // namespace
