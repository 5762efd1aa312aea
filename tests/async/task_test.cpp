// SPDX-License-Identifier: Apache-2.0
#include "fanout/task.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <stdexcept>
#include <string>

#include "fanout/event_loop.hpp"

namespace {

TEST(Task, DoesNotBeginBeforeItIsAwaited) {
  bool begun = false;
  auto work = [&]() -> fanout::task<> {
    begun = true;
    co_return;
  };
  auto lazy = work();
  EXPECT_FALSE(begun);
  fanout::run(std::move(lazy));
  EXPECT_TRUE(begun);
}

TEST(Task, NotAwaitedDestroysItsArguments) {
  auto held = std::make_shared<int>(1);
  auto work = [](std::shared_ptr<int>) -> fanout::task<> { co_return; };
  {
    auto dropped = work(held);
  }
  EXPECT_EQ(held.use_count(), 1);
}

TEST(Task, CarriesMoveOnlyValuesAndReferences) {
  int target = 0;
  auto pointer = []() -> fanout::task<std::unique_ptr<int>> { co_return std::make_unique<int>(3); };
  auto reference = [](int& r) -> fanout::task<int&> { co_return r; };
  auto both = [&]() -> fanout::task<int> {
    int& r = co_await reference(target);
    r = *co_await pointer();
    co_return target;
  };
  EXPECT_EQ(fanout::run(both()), 3);
  EXPECT_EQ(target, 3);
}

TEST(Task, ErrorsTravelThroughAllThatAwait) {
  auto inner = []() -> fanout::task<int> {
    throw std::out_of_range("far");
    co_return 0;
  };
  auto middle = [&]() -> fanout::task<int> { co_return co_await inner() + 1; };
  auto outer = [&]() -> fanout::task<std::string> {
    try {
      co_await middle();
    } catch (const std::out_of_range& error) {
      co_return error.what();
    }
    co_return "nothing was thrown";
  };
  EXPECT_EQ(fanout::run(outer()), "far");
}

TEST(Task, AMillionAwaitsInARowNeedNoStack) {
  auto one = []() -> fanout::task<int> { co_return 1; };
  auto sum = [&]() -> fanout::task<int> {
    int total = 0;
    for (int i = 0; i < 1'000'000; ++i) total += co_await one();
    co_return total;
  };
  EXPECT_EQ(fanout::run(sum()), 1'000'000);
}

fanout::task<int> descend(int depth) { co_return depth == 0 ? 0 : 1 + co_await descend(depth - 1); }

TEST(Task, AHundredThousandDeepNeedsNoStack) { EXPECT_EQ(fanout::run(descend(100'000)), 100'000); }

}  // namespace
