// SPDX-License-Identifier: Apache-2.0
#include "fanout/event_loop.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <stdexcept>
#include <thread>
#include <vector>

#include "fanout/errors.hpp"
#include "fanout/future.hpp"
#include "fanout/gather.hpp"
#include "fanout/sleep.hpp"

namespace {

using namespace std::chrono_literals;

TEST(Run, ReturnsTheValue) {
  auto answer = []() -> fanout::task<int> { co_return 42; };
  EXPECT_EQ(fanout::run(answer()), 42);
}

TEST(Run, ThrowsTheError) {
  auto fails = []() -> fanout::task<> {
    throw std::runtime_error("no");
    co_return;
  };
  EXPECT_THROW(fanout::run(fails()), std::runtime_error);
}

TEST(EventLoop, RunsOneTaskAfterAnother) {
  fanout::event_loop loop;
  auto value = [](int x) -> fanout::task<int> { co_return x; };
  EXPECT_EQ(loop.run(value(1)) + loop.run(value(2)), 3);
}

TEST(EventLoop, RefusesToRunInsideItself) {
  fanout::event_loop loop;
  auto inner = []() -> fanout::task<> { co_return; };
  auto outer = [&]() -> fanout::task<> {
    loop.run(inner());
    co_return;
  };
  EXPECT_THROW(loop.run(outer()), fanout::error);
  loop.run(inner());  // and is as good as before
}

TEST(EventLoop, RunsPostsOfOtherThreadsInTheirOrder) {
  fanout::event_loop loop;
  std::vector<int> order;
  std::atomic<bool> all = false;
  std::thread other([&] {
    for (int i = 0; i < 1000; ++i) loop.post([&order, i] { order.push_back(i); });
    loop.post([&all] { all = true; });
  });
  auto wait = [&]() -> fanout::task<> {
    while (!all) co_await fanout::sleep(100us);
  };
  loop.run(wait());
  other.join();
  ASSERT_EQ(order.size(), 1000U);
  EXPECT_TRUE(std::is_sorted(order.begin(), order.end()));
}

TEST(EventLoop, PostsAreNeverMissedByALoopThatGoesToSleep) {
  // Each side acts only when the other has, and no timer is armed: a missed wake-up hangs the test.
  fanout::event_loop loop;
  std::atomic<int> pongs = 0;
  fanout::detail::completion last;
  std::thread other([&] {
    for (int sent = 1; sent <= 5000; ++sent) {
      loop.post([&] { ++pongs; });
      while (pongs < sent) std::this_thread::yield();
    }
    loop.post([&] { last.finish(); });
  });
  auto until_last = [&]() -> fanout::task<> {
    co_await fanout::detail::wait_awaiter<fanout::detail::completion&>(last);
  };
  loop.run(until_last());
  other.join();
  EXPECT_EQ(pongs, 5000);
}

TEST(EventLoop, ATaskThatAlwaysYieldsStarvesNeitherTimersNorPosts) {
  fanout::event_loop loop;
  bool timer = false;
  std::atomic<bool> posted = false;
  auto sleeper = [&]() -> fanout::task<> {
    co_await fanout::sleep(1ms);
    timer = true;
  };
  auto hog = [&]() -> fanout::task<> {
    while (!timer || !posted) co_await fanout::yield();
  };
  std::thread other([&] { loop.post([&] { posted = true; }); });
  loop.run([](auto a, auto b) -> fanout::task<> { co_await fanout::gather(a(), b()); }(sleeper, hog));
  other.join();
}

TEST(EventLoop, RunsWhatWasPostedBeforeItIsDestroyed) {
  int ran = 0;
  {
    fanout::event_loop loop;
    loop.post([&] { ++ran; });
    loop.post([&] { loop.post([&] { ++ran; }); });
  }
  EXPECT_EQ(ran, 2);
}

}  // namespace
