// SPDX-License-Identifier: Apache-2.0
// Every executor: gather.
#pragma once

#include <atomic>
#include <memory>
#include <stdexcept>
#include <string>
#include <tuple>
#include <utility>
#include <variant>
#include <vector>

#include "executor_suite/fixture.hpp"
#include "fanout/gather.hpp"

namespace fanout_test {

template <class Traits>
class ExecutorGather : public executor_suite<Traits> {};
TYPED_TEST_SUITE_P(ExecutorGather);

TYPED_TEST_P(ExecutorGather, GivesATupleOfResults) {
  int target = 0;
  auto nothing = []() -> fanout::task<> { co_return; };
  auto text = []() -> fanout::task<std::string> { co_return "b"; };
  auto pointer = []() -> fanout::task<std::unique_ptr<int>> { co_return std::make_unique<int>(4); };
  auto reference = [&]() -> fanout::task<int&> { co_return target; };
  auto main = [&]() -> fanout::task<> {
    auto [a, b, c, d, e] = co_await fanout::gather(value(1), text(), nothing(), pointer(), reference());
    EXPECT_EQ(a, 1);
    EXPECT_EQ(b, "b");
    EXPECT_EQ(c, std::monostate());
    EXPECT_EQ(*d, 4);
    EXPECT_EQ(&e.get(), &target);
    EXPECT_TRUE(this->is_here());
  };
  this->run(main());
}

TYPED_TEST_P(ExecutorGather, GivesAVectorInTheOrderOfTheTasks) {
  promise<void> first_may_end;
  auto waits = [&]() -> fanout::task<int> {
    co_await first_may_end.get_future();
    co_return 1;
  };
  auto lets_it_end = [&]() -> fanout::task<int> {
    first_may_end.set({});
    co_return 2;
  };
  std::vector<fanout::task<int>> tasks;
  tasks.push_back(waits());
  tasks.push_back(lets_it_end());
  EXPECT_EQ(this->run(fanout::gather(std::move(tasks))), (std::vector{1, 2}));
}

TYPED_TEST_P(ExecutorGather, OfNothingIsNothing) {
  EXPECT_TRUE(this->run(fanout::gather(std::vector<fanout::task<int>>())).empty());
  this->run(fanout::gather(std::vector<fanout::task<>>()));
  EXPECT_EQ(this->run(fanout::gather()), std::tuple<>());
  EXPECT_TRUE(this->run(fanout::gather(fanout::return_exceptions, std::vector<fanout::task<>>())).empty());
}

TYPED_TEST_P(ExecutorGather, StartsTasksInTheirOrder) {
  journal<int> started;
  auto note = [&](int i) -> fanout::task<> {
    started.note(i);
    co_await fanout::yield();
  };
  std::vector<fanout::task<>> tasks;
  for (int i = 0; i < 5; ++i) tasks.push_back(note(i));
  this->run(fanout::gather(std::move(tasks)));
  EXPECT_EQ(started.size(), 5U);
  if (TypeParam::one_thread()) EXPECT_EQ(started.entries(), (std::vector{0, 1, 2, 3, 4}));
}

TYPED_TEST_P(ExecutorGather, RefusesAnEmptyTaskBeforeAnyBegins) {
  auto begins = []() -> fanout::task<int> {
    ADD_FAILURE() << "it ran";
    co_return 0;
  };
  auto empty = value(1);
  const auto elsewhere = std::move(empty);
  EXPECT_THROW(this->run(fanout::gather(begins(), std::move(empty))), fanout::error);
}

TYPED_TEST_P(ExecutorGather, FirstErrorStopsTheOthersAndWaitsForThem) {
  std::atomic<int> stopped = 0;
  std::atomic<bool> cleaned_up = false;
  auto takes_its_time = [&]() -> fanout::task<> {
    struct cleanup {
      std::atomic<bool>& done;
      ~cleanup() { done = true; }
    } const guard{cleaned_up};
    co_await until_stopped(stopped);
  };
  auto main = [&]() -> fanout::task<> {
    EXPECT_EQ(co_await error_of(fanout::gather(takes_its_time(), fails("first"), until_stopped(stopped))), "first");
    EXPECT_EQ(stopped, 2);
    EXPECT_TRUE(cleaned_up);
  };
  this->run(main());
}

TYPED_TEST_P(ExecutorGather, StopsAllThatSleepEachTime) {
  for (int round = 0; round < 50; ++round) {
    std::atomic<int> stopped = 0;
    std::vector<fanout::task<>> tasks;
    for (int i = 0; i < 50; ++i) tasks.push_back(until_stopped(stopped));
    tasks.push_back(fails());
    for (int i = 0; i < 50; ++i) tasks.push_back(until_stopped(stopped));
    EXPECT_THROW(this->run(fanout::gather(std::move(tasks))), std::runtime_error);
    EXPECT_EQ(stopped, 100);
  }
}

TYPED_TEST_P(ExecutorGather, StopsNestedOnesToo) {
  std::atomic<int> stopped = 0;
  auto nested = [&]() -> fanout::task<> {
    co_await fanout::gather(until_stopped(stopped), fanout::gather(until_stopped(stopped), until_stopped(stopped)));
  };
  EXPECT_THROW(this->run(fanout::gather(nested(), until_stopped(stopped), fails())), std::runtime_error);
  EXPECT_EQ(stopped, 4);
}

TYPED_TEST_P(ExecutorGather, ReturnsExceptionsIfAskedTo) {
  auto main = []() -> fanout::task<> {
    auto [a, b, c] = co_await fanout::gather(fanout::return_exceptions, fails(), value(1), fails());
    EXPECT_THROW(std::rethrow_exception(a.error()), std::runtime_error);
    EXPECT_EQ(b.value(), 1);
    EXPECT_FALSE(c.has_value());
    std::vector<fanout::task<int>> tasks;
    tasks.push_back(value(2));
    auto outcomes = co_await fanout::gather(fanout::return_exceptions, std::move(tasks));
    EXPECT_EQ(outcomes.at(0).value(), 2);
  };
  this->run(main());
}

TYPED_TEST_P(ExecutorGather, ThatReturnsExceptionsIsStoppedLikeAnyOther) {
  std::atomic<int> stopped = 0;
  auto nested = [&]() -> fanout::task<> {
    auto [a, b] = co_await fanout::gather(fanout::return_exceptions, until_stopped(stopped), until_stopped(stopped));
    EXPECT_THROW(std::rethrow_exception(a.error()), fanout::cancelled);
    EXPECT_THROW(std::rethrow_exception(b.error()), fanout::cancelled);
  };
  EXPECT_THROW(this->run(fanout::gather(nested(), fails())), std::runtime_error);
  EXPECT_EQ(stopped, 2);
}

/// A tree: 10 to the power of `depth` leaves.
inline fanout::task<int> leaves(int depth) {
  if (depth == 0) co_return co_await value(1);
  std::vector<fanout::task<int>> branches;
  for (int i = 0; i < 10; ++i) branches.push_back(leaves(depth - 1));
  int sum = 0;
  for (const int x : co_await fanout::gather(std::move(branches))) sum += x;
  co_return sum;
}

TYPED_TEST_P(ExecutorGather, MayBeNested) { EXPECT_EQ(this->run(leaves(4)), 10'000); }

TYPED_TEST_P(ExecutorGather, AHundredThousandTasks) {
  std::vector<fanout::task<int>> tasks;
  for (int i = 0; i < 100'000; ++i) tasks.push_back(value(1));
  EXPECT_EQ(this->run(fanout::gather(std::move(tasks))), std::vector<int>(100'000, 1));
}

REGISTER_TYPED_TEST_SUITE_P(ExecutorGather, GivesATupleOfResults, GivesAVectorInTheOrderOfTheTasks, OfNothingIsNothing,
                            StartsTasksInTheirOrder, RefusesAnEmptyTaskBeforeAnyBegins,
                            FirstErrorStopsTheOthersAndWaitsForThem, StopsAllThatSleepEachTime, StopsNestedOnesToo,
                            ReturnsExceptionsIfAskedTo, ThatReturnsExceptionsIsStoppedLikeAnyOther, MayBeNested,
                            AHundredThousandTasks);

}  // namespace fanout_test
