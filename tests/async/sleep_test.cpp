// SPDX-License-Identifier: Apache-2.0
#include "fanout/sleep.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <vector>

#include "fanout/errors.hpp"
#include "fanout/event_loop.hpp"
#include "fanout/gather.hpp"

namespace {

using namespace std::chrono_literals;
using clock = std::chrono::steady_clock;

template <class T>
concept sleepable = requires(T time) { fanout::sleep(time); };
static_assert(sleepable<std::chrono::seconds> && sleepable<std::chrono::duration<double>>);
static_assert(!sleepable<int> && !sleepable<long>, "a number has no unit");

TEST(Sleep, TakesAtLeastItsTime) {
  const auto nap = []() -> fanout::task<> { co_await fanout::sleep(5ms); };
  const auto start = clock::now();
  fanout::run(nap());
  EXPECT_GE(clock::now() - start, 5ms);
}

TEST(Sleep, TakesFractionsOfAnyUnit) {
  const auto nap = []() -> fanout::task<> { co_await fanout::sleep(0.002s); };
  const auto start = clock::now();
  fanout::run(nap());
  EXPECT_GE(clock::now() - start, 2ms);
}

TEST(Sleep, SleepersWakeInTheOrderOfTheirDeadlines) {
  std::vector<int> order;
  auto nap = [&](int id, fanout::time_point deadline) -> fanout::task<> {
    co_await fanout::sleep_until(deadline);
    order.push_back(id);
  };
  auto all = [&]() -> fanout::task<> {
    const fanout::time_point soon = clock::now() + 2ms;
    co_await fanout::gather(nap(3, soon + 2us), nap(1, soon), nap(2, soon + 1us), nap(0, clock::now() - 1s));
  };
  fanout::run(all());
  EXPECT_EQ(order, (std::vector{0, 1, 2, 3}));
}

TEST(Sleep, VeryLongOnesAreStoppedAtOnce) {
  bool stopped = false;
  auto forever = [&](auto time) -> fanout::task<> {
    try {
      co_await fanout::sleep(time);
    } catch (const fanout::cancelled&) {
      stopped = true;
    }
  };
  auto fails = []() -> fanout::task<> {
    co_await fanout::yield();
    throw 1;
  };
  auto all = [&]() -> fanout::task<> {
    co_await fanout::gather(forever(fanout::duration::max()), forever(std::chrono::years(1'000'000)), fails());
  };
  EXPECT_THROW(fanout::run(all()), int);
  EXPECT_TRUE(stopped);
}

}  // namespace
