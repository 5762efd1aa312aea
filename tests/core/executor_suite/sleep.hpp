// SPDX-License-Identifier: Apache-2.0
// Every executor: sleep, sleep_until, yield.
#pragma once

#include <atomic>
#include <chrono>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <tuple>
#include <vector>

#include "executor_suite/fixture.hpp"
#include "fanout/gather.hpp"

namespace fanout_test {

using clock = std::chrono::steady_clock;

template <class T>
concept sleepable = requires(T time) { fanout::sleep(time); };
static_assert(sleepable<std::chrono::seconds> && sleepable<std::chrono::duration<double>>);
static_assert(!sleepable<int> && !sleepable<long>, "a number has no unit");

template <class Traits>
class ExecutorSleep : public executor_suite<Traits> {};
TYPED_TEST_SUITE_P(ExecutorSleep);

TYPED_TEST_P(ExecutorSleep, TakesAtLeastItsTime) {
  auto nap = [](auto time) -> fanout::task<> { co_await fanout::sleep(time); };
  auto start = clock::now();
  this->run(nap(5ms));
  EXPECT_GE(clock::now() - start, 5ms);
  start = clock::now();
  this->run(nap(0.002s));  // fractions of any unit
  EXPECT_GE(clock::now() - start, 2ms);
}

TYPED_TEST_P(ExecutorSleep, UntilAPointInTime) {
  auto nap = [](fanout::time_point until) -> fanout::task<> { co_await fanout::sleep_until(until); };
  const fanout::time_point soon = clock::now() + 3ms;
  this->run(nap(soon));
  EXPECT_GE(clock::now(), soon);
}

TYPED_TEST_P(ExecutorSleep, IsOverSoonIfItsTimeHasPassed) {
  auto main = [this]() -> fanout::task<> {
    co_await fanout::sleep(0s);
    co_await fanout::sleep(-24h);
    co_await fanout::sleep(fanout::duration::min());
    co_await fanout::sleep(-std::chrono::years(1'000'000));
    co_await fanout::sleep_until(fanout::time_point::min());
    co_await fanout::sleep_until(clock::now());
    EXPECT_TRUE(this->is_here());
  };
  this->run(main());
}

TYPED_TEST_P(ExecutorSleep, SleepersWakeInTheOrderOfTheirDeadlines) {
  std::optional<journal<int>> order;
  auto nap = [&](int id, fanout::time_point until) -> fanout::task<> {
    co_await fanout::sleep_until(until);
    order->note(id);
  };
  // Only those that sleep at the same time are put in order: the last one looks whether all do.
  auto all_asleep_before = [](fanout::time_point first) -> fanout::task<bool> { co_return clock::now() < first; };
  auto main = [&](fanout::duration time) -> fanout::task<bool> {
    const fanout::time_point soon = clock::now() + time;
    co_return std::get<5>(co_await fanout::gather(nap(4, soon + 2us), nap(1, soon), nap(3, soon + 1us),
                                                  nap(0, clock::now() - 1s), nap(2, soon), all_asleep_before(soon)));
  };
  for (fanout::duration time = 2ms;; time *= 2) {
    order.emplace();
    if (this->run(main(time))) break;
  }
  EXPECT_EQ(order->size(), 5U);
  if (TypeParam::one_thread()) EXPECT_EQ(order->entries(), (std::vector{0, 1, 2, 3, 4}));
}

TYPED_TEST_P(ExecutorSleep, ThatNeverEndsCanBeStopped) {
  std::atomic<int> stopped = 0;
  auto forever = [&](auto time) -> fanout::task<> {
    try {
      co_await fanout::sleep(time);
    } catch (const fanout::cancelled&) {
      ++stopped;
    }
  };
  auto main = [&]() -> fanout::task<> {
    co_await fanout::gather(forever(fanout::duration::max()), forever(std::chrono::years(1'000'000)),
                            forever(std::chrono::duration<double>(1e300)), fails());
  };
  EXPECT_THROW(this->run(main()), std::runtime_error);
  EXPECT_EQ(stopped, 3);
}

TYPED_TEST_P(ExecutorSleep, ATaskThatAlwaysYieldsStarvesNeitherTimersNorPosts) {
  std::atomic<bool> timer = false, posted = false;
  auto sleeper = [&]() -> fanout::task<> {
    co_await fanout::sleep(1ms);
    timer = true;
  };
  auto hog = [&]() -> fanout::task<> {
    while (!timer || !posted) co_await fanout::yield();
  };
  auto main = [&]() -> fanout::task<> { co_await fanout::gather(sleeper(), hog(), hog(), hog()); };
  std::jthread other([&] { this->executor().post([&] { posted = true; }); });
  this->run(main());
}

TYPED_TEST_P(ExecutorSleep, YieldLetsAllThatIsReadyRunFirst) {
  journal<char> turns;
  auto takes_turns = [&](char name) -> fanout::task<> {
    for (int i = 0; i < 3; ++i) {
      turns.note(name);
      co_await fanout::yield();
    }
  };
  auto main = [&]() -> fanout::task<> {
    co_await fanout::gather(takes_turns('a'), takes_turns('b'), takes_turns('c'));
  };
  this->run(main());
  EXPECT_EQ(turns.size(), 9U);
  if (TypeParam::one_thread()) {
    EXPECT_EQ(std::string(turns.entries().begin(), turns.entries().end()), "abcabcabc");
  }
}

REGISTER_TYPED_TEST_SUITE_P(ExecutorSleep, TakesAtLeastItsTime, UntilAPointInTime, IsOverSoonIfItsTimeHasPassed,
                            SleepersWakeInTheOrderOfTheirDeadlines, ThatNeverEndsCanBeStopped,
                            ATaskThatAlwaysYieldsStarvesNeitherTimersNorPosts, YieldLetsAllThatIsReadyRunFirst);

}  // namespace fanout_test
