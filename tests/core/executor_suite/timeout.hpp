// SPDX-License-Identifier: Apache-2.0
// Every executor: timeout.
#pragma once

#include <atomic>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "executor_suite/fixture.hpp"
#include "fanout/gather.hpp"
#include "fanout/spawn.hpp"
#include "fanout/timeout.hpp"

namespace fanout_test {

template <class Traits>
class ExecutorTimeout : public executor_suite<Traits> {};
TYPED_TEST_SUITE_P(ExecutorTimeout);

TYPED_TEST_P(ExecutorTimeout, GivesTheValueOfATaskThatIsInTime) {
  auto nothing = []() -> fanout::task<> { co_return; };
  EXPECT_EQ(this->run(fanout::timeout(24h, value(7))), 7);  // and does not wait until the time has passed
  this->run(fanout::timeout(24h, nothing()));
}

TYPED_TEST_P(ExecutorTimeout, StopsATaskThatIsNot) {
  std::atomic<int> stopped = 0;
  EXPECT_THROW(this->run(fanout::timeout(1ms, until_stopped(stopped))), fanout::timed_out);
  EXPECT_EQ(stopped, 1);
}

TYPED_TEST_P(ExecutorTimeout, WaitsForTheTaskThatItStops) {
  std::atomic<int> stopped = 0;
  std::atomic<bool> ended = false;
  auto takes_its_time = [&]() -> fanout::task<> {
    co_await error_of(until_stopped(stopped));
    ended = true;
    throw fanout::cancelled();
  };
  auto main = [&]() -> fanout::task<> {
    EXPECT_NE((co_await error_of(fanout::timeout(1ms, takes_its_time()))).find("1 ms"), std::string::npos);
    EXPECT_TRUE(ended);
  };
  this->run(main());
}

TYPED_TEST_P(ExecutorTimeout, TheTasksOwnErrorPasses) {
  std::atomic<int> stopped = 0;
  auto complains = [&]() -> fanout::task<> {
    co_await error_of(until_stopped(stopped));
    throw std::runtime_error("not now");
  };
  EXPECT_EQ(this->run(error_of(fanout::timeout(24h, fails("mine")))), "mine");
  EXPECT_EQ(this->run(error_of(fanout::timeout(1ms, complains()))), "not now");
}

TYPED_TEST_P(ExecutorTimeout, ATaskThatSwallowsTheStopGivesItsValue) {
  std::atomic<int> stopped = 0;
  auto swallows = [&]() -> fanout::task<int> {
    co_await error_of(until_stopped(stopped));
    co_return 5;
  };
  EXPECT_EQ(this->run(fanout::timeout(1ms, swallows())), 5);
  EXPECT_EQ(stopped, 1);
}

TYPED_TEST_P(ExecutorTimeout, IsCancelledIfItIsStoppedFromOutside) {
  std::atomic<int> stopped = 0;
  auto main = [&]() -> fanout::task<> {
    auto limited = fanout::spawn(fanout::timeout(24h, until_stopped(stopped)));
    limited.cancel();
    EXPECT_EQ(co_await error_of(result_of(std::move(limited))), "cancelled");
  };
  this->run(main());
  EXPECT_EQ(stopped, 1);
}

TYPED_TEST_P(ExecutorTimeout, IsNotTimedOutIfTheTaskEndsWithCancelledByItself) {
  auto gives_up = []() -> fanout::task<> {
    co_await fanout::yield();
    throw fanout::cancelled();
  };
  EXPECT_THROW(this->run(fanout::timeout(24h, gives_up())), fanout::cancelled);
}

TYPED_TEST_P(ExecutorTimeout, WhatFollowsOneIsNotStopped) {
  std::atomic<int> stopped = 0;
  auto main = [&]() -> fanout::task<int> {
    co_await error_of(fanout::timeout(1ms, until_stopped(stopped)));
    EXPECT_FALSE((co_await fanout::this_task::get_stop_token()).stop_requested());
    co_await fanout::sleep(1us);
    co_return co_await fanout::timeout(24h, value(3));
  };
  EXPECT_EQ(this->run(main()), 3);
}

TYPED_TEST_P(ExecutorTimeout, TheShortestOfNestedOnesCounts) {
  std::atomic<int> stopped = 0;
  const auto inner = this->run(error_of(fanout::timeout(24h, fanout::timeout(1ms, until_stopped(stopped)))));
  EXPECT_NE(inner.find("1 ms"), std::string::npos) << inner;
  const auto outer = this->run(error_of(fanout::timeout(2ms, fanout::timeout(24h, until_stopped(stopped)))));
  EXPECT_NE(outer.find("2 ms"), std::string::npos) << outer;
  EXPECT_EQ(stopped, 2);
}

TYPED_TEST_P(ExecutorTimeout, AnOuterOneDoesNotMakeATimeoutOfTheInnerOne) {
  std::atomic<int> stopped = 0;
  std::string inner;
  auto body = [&]() -> fanout::task<> {
    inner = co_await error_of(fanout::timeout(24h, until_stopped(stopped)));
    throw fanout::cancelled();
  };
  EXPECT_THROW(this->run(fanout::timeout(1ms, body())), fanout::timed_out);
  EXPECT_EQ(inner, "cancelled");
}

TYPED_TEST_P(ExecutorTimeout, WithoutAnyTimeStopsTheTaskWhereItWaits) {
  auto immediate = []() -> fanout::task<int> { co_return 1; };
  std::atomic<int> stopped = 0;
  for (const fanout::duration time : {fanout::duration::zero(), fanout::duration(-1h), fanout::duration::min()}) {
    EXPECT_THROW(this->run(fanout::timeout(time, until_stopped(stopped))), fanout::timed_out);
    EXPECT_EQ(this->run(fanout::timeout(time, immediate())), 1);
  }
  EXPECT_EQ(stopped, 3);
}

TYPED_TEST_P(ExecutorTimeout, MayBeForever) {
  EXPECT_EQ(this->run(fanout::timeout(fanout::duration::max(), value(2))), 2);
  std::atomic<int> stopped = 0;
  auto main = [&]() -> fanout::task<> {
    co_await fanout::gather(fanout::timeout(fanout::duration::max(), until_stopped(stopped)), fails());
  };
  EXPECT_THROW(this->run(main()), std::runtime_error);
  EXPECT_EQ(stopped, 1);
}

TYPED_TEST_P(ExecutorTimeout, StopsAllThatIsGathered) {
  std::atomic<int> stopped = 0;
  EXPECT_THROW(this->run(fanout::timeout(1ms, fanout::gather(until_stopped(stopped), until_stopped(stopped)))),
               fanout::timed_out);
  EXPECT_EQ(stopped, 2);
}

TYPED_TEST_P(ExecutorTimeout, OfAWaitForAFutureLeavesTheFuture) {
  promise<int> never;
  EXPECT_THROW(this->run(fanout::timeout(1ms, result_of(never.get_future()))), fanout::timed_out);
  never.set(1);  // nobody is told
}

TYPED_TEST_P(ExecutorTimeout, ThatEndsAtTheSameTimeAsItsTaskIsOneOrTheOther) {
  std::atomic<int> in_time = 0, late = 0;
  auto nap = []() -> fanout::task<> { co_await fanout::sleep(50us); };
  auto one = [&]() -> fanout::task<> {
    const auto ended = co_await error_of(fanout::timeout(50us, nap()));
    ended == "nothing" ? ++in_time : ++late;
  };
  std::vector<fanout::task<>> tasks;
  for (int i = 0; i < 1000; ++i) tasks.push_back(one());
  this->run(fanout::gather(std::move(tasks)));
  EXPECT_EQ(in_time + late, 1000);
}

REGISTER_TYPED_TEST_SUITE_P(ExecutorTimeout, GivesTheValueOfATaskThatIsInTime, StopsATaskThatIsNot,
                            WaitsForTheTaskThatItStops, TheTasksOwnErrorPasses, ATaskThatSwallowsTheStopGivesItsValue,
                            IsCancelledIfItIsStoppedFromOutside, IsNotTimedOutIfTheTaskEndsWithCancelledByItself,
                            WhatFollowsOneIsNotStopped, TheShortestOfNestedOnesCounts,
                            AnOuterOneDoesNotMakeATimeoutOfTheInnerOne, WithoutAnyTimeStopsTheTaskWhereItWaits,
                            MayBeForever, StopsAllThatIsGathered, OfAWaitForAFutureLeavesTheFuture,
                            ThatEndsAtTheSameTimeAsItsTaskIsOneOrTheOther);

}  // namespace fanout_test
