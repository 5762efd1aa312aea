// SPDX-License-Identifier: Apache-2.0
#include "fanout/future.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <stdexcept>
#include <thread>
#include <vector>

#include "fanout/as_completed.hpp"
#include "fanout/map.hpp"
#include "promise.hpp"

namespace {

using namespace std::chrono_literals;
using fanout::detail::state_ptr;
using fanout::detail::whole_map;
using fanout_test::promise;
using fanout_test::publish;

TEST(Future, GivesItsValueOnce) {
  promise<std::unique_ptr<int>> p;
  auto f = p.get_future();
  EXPECT_TRUE(f.valid());
  EXPECT_FALSE(f.ready());
  p.set(std::make_unique<int>(7));
  EXPECT_TRUE(f.ready());
  EXPECT_EQ(*f.get(), 7);
  EXPECT_FALSE(f.valid());
  EXPECT_THROW(f.get(), fanout::error);
}

TEST(Future, ThrowsTheError) {
  promise<int> p;
  auto f = p.get_future();
  p.fail();
  EXPECT_THROW(f.get(), std::runtime_error);
}

TEST(Future, CarriesVoidAndReferences) {
  promise<void> nothing;
  auto f = nothing.get_future();
  nothing.set({});
  f.get();

  int target = 1;
  promise<int&> reference;
  auto g = reference.get_future();
  reference.set(std::ref(target));
  g.get() = 5;
  EXPECT_EQ(target, 5);
}

TEST(Future, BlocksUntilAnotherThreadFulfilsIt) {
  for (int round = 0; round < 500; ++round) {
    promise<int> p;
    auto f = p.get_future();
    std::thread other([&] { p.set(round); });
    EXPECT_EQ(f.get(), round);
    other.join();
  }
}

TEST(Future, WaitForGivesUpAndCanWaitAgain) {
  promise<int> p;
  auto f = p.get_future();
  EXPECT_FALSE(f.wait_for(1ms));
  EXPECT_FALSE(f.wait_for(-1ms));
  std::thread other([&] { p.set(3); });
  EXPECT_TRUE(f.wait_for(1min));
  other.join();
  EXPECT_EQ(f.get(), 3);
}

TEST(Future, WaitForRacingWithTheResultIsNeverLost) {
  for (int round = 0; round < 300; ++round) {
    promise<int> p;
    auto f = p.get_future();
    std::thread other([&] { p.set(1); });
    while (!f.wait_for(1us)) {
    }
    EXPECT_EQ(f.get(), 1);
    other.join();
  }
}

TEST(Future, WithoutATaskBehindItSaysSo) {
  fanout::future<int> f;
  EXPECT_FALSE(f.valid());
  EXPECT_THROW(f.wait(), fanout::error);
  EXPECT_THROW(f.ready(), fanout::error);
  EXPECT_THROW(f.cancel(), fanout::error);
}

TEST(AsCompleted, YieldsInTheOrderOfFinishing) {
  std::vector<promise<int>> promises(3);
  std::vector<fanout::future<int>> futures;
  for (auto& p : promises) futures.push_back(p.get_future());
  promises[1].set(1);
  auto range = fanout::as_completed(std::move(futures));
  promises[2].set(2);
  std::vector<int> order;
  for (auto&& f : range) {
    order.push_back(f.get());
    if (order.size() == 2) promises[0].set(0);
  }
  EXPECT_EQ(order, (std::vector{1, 2, 0}));
}

TEST(AsCompleted, OfNothingIsEmpty) {
  for (auto&& f : fanout::as_completed(std::vector<fanout::future<int>>())) ADD_FAILURE() << f.get();
}

TEST(AsCompleted, ErrorsDoNotEndTheRange) {
  std::vector<promise<int>> promises(2);
  std::vector<fanout::future<int>> futures;
  for (auto& p : promises) futures.push_back(p.get_future());
  promises[0].fail();
  promises[1].set(5);
  int errors = 0, sum = 0;
  for (auto&& f : fanout::as_completed(std::move(futures))) {
    try {
      sum += f.get();
    } catch (const std::runtime_error&) {
      ++errors;
    }
  }
  EXPECT_EQ(errors, 1);
  EXPECT_EQ(sum, 5);
}

TEST(AsCompleted, AbandonedRangeLetsTheRestFinish) {
  for (int round = 0; round < 200; ++round) {
    std::vector<promise<int>> promises(8);
    std::vector<fanout::future<int>> futures;
    for (auto& p : promises) futures.push_back(p.get_future());
    std::thread other([&] {
      for (auto& p : promises) p.set(1);
    });
    for (auto&& f : fanout::as_completed(std::move(futures))) {
      EXPECT_EQ(f.get(), 1);
      break;
    }
    other.join();
  }
}

TEST(AsCompleted, RefusesAnEmptyFuture) {
  std::vector<fanout::future<int>> futures(1);
  EXPECT_THROW((void)fanout::as_completed(std::move(futures)), fanout::error);
}

TEST(Mapped, GivesItemsBeforeAllAreThere) {
  state_ptr state(new whole_map<int>(2, true));
  auto results = fanout::mapped<int>(state_ptr(state)).results();
  auto it = results.begin();
  publish(*state, 0, 10);
  EXPECT_EQ(**it, 10);
  ++it;
  std::thread other([&] { publish(*state, 1, std::unexpected(std::make_exception_ptr(std::runtime_error("no")))); });
  EXPECT_FALSE((*it).has_value());
  ++it;
  EXPECT_EQ(it, results.end());
  other.join();
}

TEST(Mapped, GetThrowsTheErrorOfTheFirstInputThatFailed) {
  state_ptr state(new whole_map<int>(3, true));
  fanout::mapped<int> mapped(state_ptr{state});
  publish(*state, 2, std::unexpected(std::make_exception_ptr(std::runtime_error("third"))));
  publish(*state, 1, std::unexpected(std::make_exception_ptr(std::runtime_error("second"))));
  publish(*state, 0, 1);
  try {
    (void)mapped.get();
    FAIL() << "no error";
  } catch (const std::runtime_error& error) {
    EXPECT_STREQ(error.what(), "second");
  }
  EXPECT_THROW((void)mapped.get(), fanout::error);
}

}  // namespace
