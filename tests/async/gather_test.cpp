// SPDX-License-Identifier: Apache-2.0
#include "fanout/gather.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <stdexcept>
#include <string>
#include <variant>
#include <vector>

#include "fanout/errors.hpp"
#include "fanout/event_loop.hpp"
#include "fanout/sleep.hpp"

namespace {

using namespace std::chrono_literals;

fanout::task<int> value(int x) {
  co_await fanout::yield();
  co_return x;
}

fanout::task<> fails(const char* message) {
  co_await fanout::yield();
  throw std::runtime_error(message);
}

TEST(Gather, GivesATupleOfResults) {
  auto nothing = []() -> fanout::task<> { co_return; };
  auto text = []() -> fanout::task<std::string> { co_return "b"; };
  auto all = [&]() -> fanout::task<> {
    auto [a, b, c] = co_await fanout::gather(value(1), text(), nothing());
    EXPECT_EQ(a, 1);
    EXPECT_EQ(b, "b");
    EXPECT_EQ(c, std::monostate());
  };
  fanout::run(all());
}

TEST(Gather, GivesAVectorInTheOrderOfTheTasks) {
  auto after = [](int x, fanout::duration time) -> fanout::task<int> {
    co_await fanout::sleep(time);
    co_return x;
  };
  std::vector<fanout::task<int>> tasks;
  tasks.push_back(after(1, 2ms));
  tasks.push_back(after(2, 1ms));
  EXPECT_EQ(fanout::run(fanout::gather(std::move(tasks))), (std::vector{1, 2}));
}

TEST(Gather, OfNothingIsNothing) {
  EXPECT_TRUE(fanout::run(fanout::gather(std::vector<fanout::task<int>>())).empty());
  fanout::run(fanout::gather(std::vector<fanout::task<>>()));
  EXPECT_EQ(fanout::run(fanout::gather()), std::tuple<>());
}

TEST(Gather, StartsTasksInTheirOrder) {
  std::vector<int> started;
  auto note = [&](int i) -> fanout::task<> {
    started.push_back(i);
    co_await fanout::yield();
  };
  std::vector<fanout::task<>> tasks;
  for (int i = 0; i < 5; ++i) tasks.push_back(note(i));
  fanout::run(fanout::gather(std::move(tasks)));
  EXPECT_EQ(started, (std::vector{0, 1, 2, 3, 4}));
}

TEST(Gather, FirstErrorStopsTheOthersAndWaitsForThem) {
  bool stopped = false, cleaned_up = false;
  auto waits = [&]() -> fanout::task<> {
    struct cleanup {
      bool& done;
      ~cleanup() { done = true; }
    } guard{cleaned_up};
    try {
      co_await fanout::sleep(1h);
    } catch (const fanout::cancelled&) {
      stopped = true;
      throw;
    }
  };
  auto all = [&]() -> fanout::task<> { co_await fanout::gather(waits(), fails("first")); };
  try {
    fanout::run(all());
    FAIL() << "no error";
  } catch (const std::runtime_error& error) {
    EXPECT_STREQ(error.what(), "first");
  }
  EXPECT_TRUE(stopped);
  EXPECT_TRUE(cleaned_up);
}

TEST(Gather, StopsNestedGathersToo) {
  int stopped = 0;
  auto waits = [&]() -> fanout::task<> {
    try {
      co_await fanout::sleep(1h);
    } catch (const fanout::cancelled&) {
      ++stopped;
      throw;
    }
  };
  auto nested = [&]() -> fanout::task<> { co_await fanout::gather(waits(), waits()); };
  auto all = [&]() -> fanout::task<> { co_await fanout::gather(nested(), waits(), fails("x")); };
  EXPECT_THROW(fanout::run(all()), std::runtime_error);
  EXPECT_EQ(stopped, 3);
}

TEST(Gather, CancellationIsSticky) {
  bool second = false;
  auto stubborn = [&]() -> fanout::task<> {
    try {
      co_await fanout::sleep(1h);
    } catch (const fanout::cancelled&) {
    }
    EXPECT_TRUE((co_await fanout::this_task::get_stop_token()).stop_requested());
    try {
      co_await fanout::sleep(1h);
    } catch (const fanout::cancelled&) {
      second = true;
    }
  };
  auto all = [&]() -> fanout::task<> { co_await fanout::gather(stubborn(), fails("x")); };
  EXPECT_THROW(fanout::run(all()), std::runtime_error);
  EXPECT_TRUE(second);
}

TEST(Gather, ReturnsExceptionsIfAskedTo) {
  auto all = []() -> fanout::task<> {
    auto [a, b] = co_await fanout::gather(fanout::return_exceptions, value(1), fails("x"));
    EXPECT_EQ(a.value(), 1);
    EXPECT_FALSE(b.has_value());
    EXPECT_THROW(std::rethrow_exception(b.error()), std::runtime_error);
    std::vector<fanout::task<int>> tasks;
    tasks.push_back(value(2));
    auto outcomes = co_await fanout::gather(fanout::return_exceptions, std::move(tasks));
    EXPECT_EQ(outcomes.at(0).value(), 2);
  };
  fanout::run(all());
}

TEST(Gather, AHundredThousandTasks) {
  std::vector<fanout::task<int>> tasks;
  for (int i = 0; i < 100'000; ++i) tasks.push_back(value(1));
  EXPECT_EQ(fanout::run(fanout::gather(std::move(tasks))), std::vector<int>(100'000, 1));
}

}  // namespace
