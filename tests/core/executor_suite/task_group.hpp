// SPDX-License-Identifier: Apache-2.0
// Every executor: with_task_group.
#pragma once

#include <atomic>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>

#include "executor_suite/fixture.hpp"
#include "fanout/gather.hpp"
#include "fanout/spawn.hpp"
#include "fanout/task_group.hpp"

namespace fanout_test {

template <class Traits>
class ExecutorTaskGroup : public executor_suite<Traits> {};
TYPED_TEST_SUITE_P(ExecutorTaskGroup);

/// Adds when it ends.
inline fanout::task<> add(std::atomic<int>& sum, int x) { sum += co_await value(x); }

TYPED_TEST_P(ExecutorTaskGroup, JoinsAll) {
  std::atomic<int> sum = 0;
  auto main = [&]() -> fanout::task<> {
    co_await fanout::with_task_group([&](fanout::task_group& g) -> fanout::task<> {
      for (int i = 0; i < 10'000; ++i) g.spawn(add(sum, 1));
      co_return;
    });
    EXPECT_EQ(sum, 10'000);
    EXPECT_TRUE(this->is_here());
  };
  this->run(main());
}

TYPED_TEST_P(ExecutorTaskGroup, OfNothingIsNothing) {
  this->run(fanout::with_task_group([](fanout::task_group&) -> fanout::task<> { co_return; }));
}

TYPED_TEST_P(ExecutorTaskGroup, ReturnsWhatTheBodyReturns) {
  auto body = [](fanout::task_group& g) -> fanout::task<std::unique_ptr<int>> {
    auto f = g.spawn(value(20));
    g.spawn(value(1));
    co_return std::make_unique<int>(1 + co_await std::move(f));
  };
  EXPECT_EQ(*this->run(fanout::with_task_group(body)), 21);
}

TYPED_TEST_P(ExecutorTaskGroup, KeepsTheCallableAlive) {
  const auto held = std::make_shared<int>(7);
  // The lambda given to with_task_group is gone before the group begins.
  auto group = fanout::with_task_group([held](fanout::task_group& g) -> fanout::task<int> {
    co_await g.spawn(value(1));
    co_return *held;
  });
  EXPECT_EQ(this->run(std::move(group)), 7);
  EXPECT_EQ(held.use_count(), 1);
}

TYPED_TEST_P(ExecutorTaskGroup, FirstErrorStopsTheOthersAndTheBodyAndWaitsForThem) {
  std::atomic<int> stopped = 0;
  auto group = fanout::with_task_group([&](fanout::task_group& g) -> fanout::task<> {
    g.spawn(until_stopped(stopped));
    g.spawn(fails("first"));
    g.spawn(until_stopped(stopped));
    co_await until_stopped(stopped);
  });
  EXPECT_EQ(this->run(error_of(std::move(group))), "first");
  EXPECT_EQ(stopped, 3);
}

TYPED_TEST_P(ExecutorTaskGroup, ABodyThatThrowsStopsTheTasks) {
  std::atomic<int> stopped = 0;
  auto group = fanout::with_task_group([&](fanout::task_group& g) -> fanout::task<> {
    g.spawn(until_stopped(stopped));
    co_await fails("the body");
  });
  EXPECT_EQ(this->run(error_of(std::move(group))), "the body");
  auto no_coroutine = fanout::with_task_group([&](fanout::task_group& g) -> fanout::task<> {
    g.spawn(until_stopped(stopped));
    throw std::runtime_error("before its task is there");
  });
  EXPECT_EQ(this->run(error_of(std::move(no_coroutine))), "before its task is there");
  EXPECT_EQ(stopped, 2);
}

TYPED_TEST_P(ExecutorTaskGroup, AnErrorThatSomebodyAwaitsIsTheGroupsToo) {
  auto group = fanout::with_task_group([](fanout::task_group& g) -> fanout::task<> {
    EXPECT_NE(co_await error_of(result_of<void>(g.spawn(fails("mine")))), "nothing");
  });
  EXPECT_EQ(this->run(error_of(std::move(group))), "mine");
}

/// Two to the power of `depth` leaves, each of which adds 1.
inline fanout::task<> grow(fanout::task_group& g, int depth, std::atomic<int>& sum) {
  co_await fanout::yield();
  if (depth == 0) {
    ++sum;
    co_return;
  }
  g.spawn(grow(g, depth - 1, sum));
  g.spawn(grow(g, depth - 1, sum));
}

TYPED_TEST_P(ExecutorTaskGroup, ItsTasksMaySpawnMore) {
  std::atomic<int> sum = 0;
  this->run(fanout::with_task_group([&](fanout::task_group& g) { return grow(g, 10, sum); }));
  EXPECT_EQ(sum, 1024);
}

TYPED_TEST_P(ExecutorTaskGroup, ATaskCancelledByItsFutureDoesNotFailTheGroup) {
  std::atomic<int> stopped = 0;
  auto group = fanout::with_task_group([&](fanout::task_group& g) -> fanout::task<int> {
    auto dropped = g.spawn(until_stopped(stopped));
    EXPECT_TRUE(dropped.cancel());
    auto awaited = g.spawn(until_stopped(stopped));
    EXPECT_TRUE(awaited.cancel());
    EXPECT_EQ(co_await error_of(result_of<void>(std::move(awaited))), "cancelled");
    EXPECT_FALSE((co_await fanout::this_task::get_stop_token()).stop_requested());
    co_return co_await g.spawn(value(7));
  });
  EXPECT_EQ(this->run(std::move(group)), 7);
  EXPECT_EQ(stopped, 2);
}

TYPED_TEST_P(ExecutorTaskGroup, IsCancelledIfItIsStoppedFromOutside) {
  std::atomic<int> stopped = 0;
  auto main = [&]() -> fanout::task<> {
    auto group = fanout::spawn(fanout::with_task_group([&](fanout::task_group& g) -> fanout::task<> {
      g.spawn(until_stopped(stopped));
      g.spawn(until_stopped(stopped));
      co_return;
    }));
    group.cancel();
    EXPECT_EQ(co_await error_of(result_of(std::move(group))), "cancelled");
    EXPECT_EQ(stopped, 2);
  };
  this->run(main());
}

TYPED_TEST_P(ExecutorTaskGroup, MayBeNestedAndTheInnerOneFailsAlone) {
  std::atomic<int> sum = 0;
  auto inner = [](fanout::task_group& g) -> fanout::task<> {
    g.spawn(fails("inner"));
    co_return;
  };
  this->run(fanout::with_task_group([&](fanout::task_group& g) -> fanout::task<> {
    g.spawn(add(sum, 1));
    EXPECT_EQ(co_await error_of(fanout::with_task_group(inner)), "inner");
    co_await g.spawn(add(sum, 2));
  }));
  EXPECT_EQ(sum, 3);
}

REGISTER_TYPED_TEST_SUITE_P(ExecutorTaskGroup, JoinsAll, OfNothingIsNothing, ReturnsWhatTheBodyReturns,
                            KeepsTheCallableAlive, FirstErrorStopsTheOthersAndTheBodyAndWaitsForThem,
                            ABodyThatThrowsStopsTheTasks, AnErrorThatSomebodyAwaitsIsTheGroupsToo, ItsTasksMaySpawnMore,
                            ATaskCancelledByItsFutureDoesNotFailTheGroup, IsCancelledIfItIsStoppedFromOutside,
                            MayBeNestedAndTheInnerOneFailsAlone);

}  // namespace fanout_test
