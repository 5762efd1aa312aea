// SPDX-License-Identifier: Apache-2.0
// thread_pool::map; what every pool's map does is in pool_suite.hpp.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <filesystem>
#include <functional>
#include <latch>
#include <list>
#include <memory>
#include <ranges>
#include <semaphore>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "fanout/errors.hpp"
#include "fanout/map.hpp"
#include "fanout/serial_executor.hpp"
#include "fanout/stop.hpp"
#include "fanout/thread_pool.hpp"
#include "numbers.hpp"

namespace {

using namespace std::chrono_literals;

int square(int x) { return x * x; }

using fanout_test::first_of;
using fanout_test::itself;
using fanout_test::numbers_without_end;
using fanout_test::plain_numbers;
using fanout_test::squares;

// --- what is mapped

TEST(ThreadPoolMap, SharesTheItemsAmongAllWorkers) {
  fanout::thread_pool pool(3);
  std::latch together(3);  // even three items of unknown length
  const auto ids = pool.map(
                           [&](int) {
                             together.arrive_and_wait();
                             return std::this_thread::get_id();
                           },
                           {1, 2, 3})
                       .get();
  EXPECT_EQ(std::set(ids.begin(), ids.end()).size(), 3U);
}

TEST(ThreadPoolMap, GivesManyItemsInTheirOrder) {
  for (const unsigned workers : {1U, 2U, 5U}) {
    fanout::thread_pool pool(workers);
    const int count = 30'000;
    EXPECT_EQ(pool.map(square, std::views::iota(0, count)).get(), squares(count));
    EXPECT_EQ(first_of(pool.map(square, std::views::iota(0, count)).results(), count), squares(count));
    EXPECT_EQ(pool.map(square, plain_numbers(itself) | std::views::take(count)).get(), squares(count));
    EXPECT_EQ(first_of(pool.map(square, std::views::iota(0)).results(), count), squares(count));
    EXPECT_EQ(pool.map(square, std::views::iota(0, count), {.window = 7}).get(), squares(count));
    EXPECT_EQ(first_of(pool.map(square, std::views::iota(0, count), {.window = 7}).results(), count), squares(count));
  }
}

TEST(ThreadPoolMap, GivesValuesOfAnyType) {
  fanout::thread_pool pool(2);
  struct no_default {
    explicit no_default(int x) : value(x) {}
    int value;
  };
  struct move_throws {
    explicit move_throws(int x) : value(x) {}
    move_throws(move_throws&& other) : value(other.value) {
      if (value == 3) throw std::domain_error("does not move");
    }
    int value;
  };
  std::vector<int> kept{0, 1, 2};
  for (const fanout::map_options options : {fanout::map_options{}, fanout::map_options{.window = 2}}) {
    const auto inputs = [] { return std::vector{0, 1, 2}; };
    EXPECT_EQ(pool.map([](int x) { return x % 2 == 0; }, inputs(), options).get(), (std::vector{true, false, true}));
    EXPECT_EQ(pool.map([](int x) { return std::to_string(x); }, inputs(), options).get(),
              (std::vector<std::string>{"0", "1", "2"}));
    EXPECT_EQ(pool.map([](int x) { return no_default(x); }, inputs(), options).get()[2].value, 2);
    EXPECT_EQ(*pool.map([](int x) { return std::make_unique<int>(x); }, inputs(), options).get()[2], 2);
    EXPECT_EQ(pool.map([](int x) { return move_throws(x); }, inputs(), options).get()[2].value, 2);
    EXPECT_THROW((void)pool.map([](int x) { return move_throws(x); }, {1, 2, 3}, options).get(), std::domain_error);
    for (std::reference_wrapper<int> x : pool.map([](int& i) -> int& { return i; }, kept, options).get()) x.get() += 10;
    pool.map([](int& x) { x += 100; }, kept, options).get();
  }
  EXPECT_EQ(kept, (std::vector{220, 221, 222}));
}

TEST(ThreadPoolMap, GivesBoolsThatNeighboursDoNotDisturb) {
  fanout::thread_pool pool(3);
  std::vector<bool> expected(10'000);
  for (std::size_t i = 0; i < expected.size(); ++i) expected[i] = i % 3 == 0;
  EXPECT_EQ(pool.map([](int x) { return x % 3 == 0; }, std::views::iota(0, 10'000)).get(), expected);
  std::vector<bool> one_by_one;
  for (auto&& item : pool.map([](int x) { return x % 3 == 0; }, std::views::iota(0, 10'000)).results()) {
    one_by_one.push_back(*item);
  }
  EXPECT_EQ(one_by_one, expected);
}

TEST(ThreadPoolMap, EachErrorIsTheOneOfItsItem) {
  fanout::thread_pool pool(2);
  const auto odd_fails = [](int x) {
    if (x % 2 != 0) throw std::runtime_error(std::to_string(x));
    return x;
  };
  for (const fanout::map_options options : {fanout::map_options{}, fanout::map_options{.window = 3}}) {
    int next = 0;
    for (auto&& item : pool.map(odd_fails, std::views::iota(0, 1000), options).results()) {
      const int number = next++;
      ASSERT_EQ(item.has_value(), number % 2 == 0);
      if (item.has_value()) continue;
      try {
        std::rethrow_exception(item.error());
      } catch (const std::runtime_error& error) {
        ASSERT_EQ(error.what(), std::to_string(number));
      }
    }
    EXPECT_EQ(next, 1000);
    try {
      (void)pool.map(odd_fails, std::views::iota(0, 1000), options).get();
      ADD_FAILURE() << "no error";
    } catch (const std::runtime_error& error) {
      EXPECT_STREQ(error.what(), "1");
    }
  }
}

// --- results(): item by item

TEST(ThreadPoolMap, ASlowItemHoldsNoEarlierOneBack) {
  fanout::thread_pool pool(1);
  for (const std::size_t chunk : {0U, 1000U}) {
    std::binary_semaphore seen(0);
    const auto slow_at_500 = [&](int x) {
      if (x == 500) seen.acquire();  // until the one before has come out
      return x;
    };
    int next = 0;
    for (auto&& item : pool.map(slow_at_500, std::views::iota(0, 1000), {.chunk = chunk}).results()) {
      EXPECT_EQ(*item, next);
      if (next++ == 499) seen.release();
    }
    EXPECT_EQ(next, 1000);
  }
}

TEST(ThreadPoolMap, UnorderedGivesItemsAsTheyEnd) {
  fanout::thread_pool pool(2);
  for (const std::size_t window : {0U, 4U}) {
    std::latch others(3);
    const auto first_is_last = [&](int x) {
      if (x == 0) others.wait();
      return x;
    };
    std::vector<int> order;
    for (auto&& item :
         pool.map(first_is_last, std::views::iota(0, 4), {.chunk = 1, .window = window, .ordered = false}).results()) {
      order.push_back(*item);
      if (*item != 0) others.count_down();
    }
    ASSERT_EQ(order.size(), 4U);
    EXPECT_EQ(order.back(), 0);
    std::ranges::sort(order);
    EXPECT_EQ(order, (std::vector{0, 1, 2, 3}));
  }
}

// --- inputs that are pulled

TEST(ThreadPoolMap, AWindowHoldsASizedRangeBackToo) {
  fanout::thread_pool pool(2);
  std::atomic<int> begun = 0;
  int taken = 0, most = 0;
  for (auto&& item : pool.map([&](int) { ++begun; }, std::vector<int>(1000), {.window = 5}).results()) {
    EXPECT_TRUE(item.has_value());
    ++taken;
    most = std::max(most, begun - taken);
  }
  EXPECT_EQ(taken, 1000);
  EXPECT_LE(most, 5);
}

TEST(ThreadPoolMap, AWindowBoundsWhatIsInFlightWhenResultsAreTakenTogether) {
  fanout::thread_pool pool(4);
  std::atomic<int> pulled = 0, ended = 0, most = 0;
  const auto count_up = [&](int x) {
    const int in_flight = pulled - ended;
    for (int seen = most; in_flight > seen && !most.compare_exchange_weak(seen, in_flight);) {
    }
    ++ended;
    return x;
  };
  const auto all =
      pool.map(count_up, numbers_without_end(itself, &pulled) | std::views::take(5000), {.window = 3}).get();
  EXPECT_EQ(all.size(), 5000U);
  EXPECT_LE(most, 3);
}

TEST(ThreadPoolMap, PullsNothingThatIsNotAskedFor) {
  fanout::thread_pool pool(1);
  std::atomic<int> pulled = 0;
  auto results = pool.map(square, numbers_without_end(itself, &pulled), {.window = 1}).results();
  auto at = results.begin();
  EXPECT_EQ(**at, 0);
  ++at;
  EXPECT_EQ(**at, 1);
  EXPECT_LE(pulled, 3);
}

TEST(ThreadPoolMap, ChangesPulledElementsWhereTheyAre) {
  fanout::thread_pool pool(2);
  std::list<int> list{1, 2, 3};
  pool.map([](int& x) { ++x; }, list).get();
  EXPECT_EQ(list, (std::list{2, 3, 4}));
}

TEST(ThreadPoolMap, PullsElementsThatOnlyMove) {
  fanout::thread_pool pool(2);
  const auto pointers = [] { return numbers_without_end([](int x) { return std::make_unique<int>(x); }); };
  const auto by_reference = [](const std::unique_ptr<int>& p) { return *p * *p; };
  const auto takes_over = [](std::unique_ptr<int> p) { return *p * *p; };
  EXPECT_EQ(first_of(pool.map(by_reference, pointers()).results(), 100), squares(100));
  EXPECT_EQ(first_of(pool.map(takes_over, pointers()).results(), 100), squares(100));
}

TEST(ThreadPoolMap, WhoeverLeavesTheLoopEndsThePulling) {
  std::atomic<int> pulled = 0, ran = 0;
  {
    fanout::thread_pool pool(2);
    const auto counts = [&](int x) {
      ++ran;
      return x;
    };
    EXPECT_EQ(first_of(pool.map(counts, numbers_without_end(itself, &pulled)).results(), 10).back(), 9);
  }  // which would drain for ever
  EXPECT_LE(ran, pulled);
}

TEST(ThreadPoolMap, WhatHasNotBegunWhenTheLoopIsLeftIsDropped) {
  fanout::thread_pool pool(1);
  std::latch begun(1), left(1);
  std::atomic<int> ran = 0;
  const auto waits_at_1 = [&](int x) {
    ++ran;
    if (x == 1) {
      begun.count_down();
      left.wait();
    }
    return x;
  };
  for (auto&& item : pool.map(waits_at_1, plain_numbers(itself), {.window = 10}).results()) {
    EXPECT_EQ(*item, 0);
    begun.wait();
    break;
  }
  left.count_down();
  pool.submit([] {}).get();
  EXPECT_EQ(ran, 2);
}

TEST(ThreadPoolMap, AMapWithoutEndThatNobodyTakesEnds) {
  std::atomic<int> pulled = 0, ran = 0;
  {
    fanout::thread_pool pool(2);
    static_cast<void>(pool.map([&](int) { ++ran; }, numbers_without_end(itself, &pulled)));
  }
  EXPECT_EQ(ran, pulled);  // what has been pulled is run to its end
}

TEST(ThreadPoolMap, AMapWithAWindowThatNobodyTakesIsRunToItsEnd) {
  std::atomic<int> ran = 0;
  {
    fanout::thread_pool pool(2);
    static_cast<void>(pool.map([&](int) { ++ran; }, std::views::iota(0, 1000), {.window = 3}));
    for (auto&& item : pool.map([&](int x) { return ++ran, x; }, std::views::iota(0, 1000), {.window = 3}).results()) {
      if (*item == 5) break;
    }
  }
  EXPECT_EQ(ran, 2000);
}

TEST(ThreadPoolMap, TheWorkersAreFreeWhileAWindowIsFull) {
  fanout::thread_pool pool(1);
  auto map = pool.map(square, plain_numbers(itself), {.window = 3});
  EXPECT_EQ(pool.submit(square, 5).get(), 25);
  EXPECT_EQ(first_of(map.results(), 10), squares(10));
}

TEST(ThreadPoolMap, ARangeThatBlocksHoldsUpOneWorkerOnly) {
  fanout::thread_pool pool(2);
  std::binary_semaphore typed(0);
  auto map = pool.map(square, numbers_without_end([&](int x) {
                        if (x == 1) typed.acquire();
                        return x;
                      }),
                      {.chunk = 1});
  auto results = map.results();
  auto at = results.begin();
  EXPECT_EQ(**at, 0);
  EXPECT_EQ(pool.submit(square, 5).get(), 25);
  typed.release();
  ++at;
  EXPECT_EQ(**at, 1);
}

TEST(ThreadPoolMap, PullsAndRunsInAWorkerThatTakesTheResults) {
  for (const unsigned workers : {1U, 2U}) {
    fanout::thread_pool pool(workers);
    auto outer = pool.submit([&] {
      std::vector<int> all = first_of(pool.map(square, plain_numbers(itself), {.window = 3}).results(), 100);
      const std::vector<int> more = pool.map(square, plain_numbers(itself) | std::views::take(100)).get();
      all.insert(all.end(), more.begin(), more.end());
      return all;
    });
    auto twice = squares(100);
    const auto once = twice;
    twice.insert(twice.end(), once.begin(), once.end());
    EXPECT_EQ(outer.get(), twice);
  }
}

TEST(ThreadPoolMap, MapsNest) {
  for (const unsigned workers : {1U, 3U}) {
    fanout::thread_pool pool(workers);
    const auto inner_sum = [&](int n) {
      int sum = 0;
      for (auto&& item : pool.map(square, plain_numbers(itself) | std::views::take(n), {.window = 2}).results()) {
        sum += *item;
      }
      for (const int x : pool.map(square, std::views::iota(0, n)).get()) sum += x;
      return sum;
    };
    const auto sums = pool.map(inner_sum, std::vector(20, 10), {.window = 4}).get();
    EXPECT_EQ(sums, std::vector(20, 2 * 285));
  }
}

TEST(ThreadPoolMap, ACoroutineThatIsStoppedEndsAMapWithoutEnd) {
  fanout::thread_pool pool(2);
  auto takes_for_ever = [&]() -> fanout::task<> {
    auto items = pool.map(square, std::views::iota(0) | std::views::transform([](int x) { return x % 100; })).results();
    while (co_await items.next()) {
    }
  };
  EXPECT_THROW(fanout::run(fanout::timeout(1ms, takes_for_ever())), fanout::timed_out);
}

TEST(ThreadPoolMap, ACoroutineThatWasStoppedGetsNothingMoreThoughItNeedNotWait) {
  fanout::serial_executor serial;
  int taken = 0;
  auto takes_all = [&]() -> fanout::task<> {
    auto items = serial.map(square, std::views::iota(0, 1000), {.window = 1}).results();
    try {
      co_await fanout::sleep(24h);
    } catch (const fanout::cancelled&) {
    }
    while (co_await items.next()) ++taken;
  };
  EXPECT_THROW(fanout::run(fanout::timeout(1ms, takes_all())), fanout::timed_out);
  EXPECT_EQ(taken, 0);
}

TEST(ThreadPoolMap, OfASerialExecutorPullsAsItsResultsAreTaken) {
  fanout::serial_executor serial;
  std::atomic<int> pulled = 0;
  auto map = serial.map(square, numbers_without_end(itself, &pulled), {.window = 2});
  EXPECT_EQ(pulled, 2);
  EXPECT_EQ(first_of(map.results(), 50), squares(50));
  EXPECT_LE(pulled, 52);
  EXPECT_EQ(serial.map(square, plain_numbers(itself) | std::views::take(100)).get(), squares(100));
}

// --- stop tokens, and how long an item may take

TEST(ThreadPoolMap, AFunctionMayTakeAStopTokenFirst) {
  fanout::thread_pool pool(2);
  const auto not_stopped = [](fanout::stop_token stop, int x) { return stop.stop_requested() ? -1 : x; };
  EXPECT_EQ(pool.map(not_stopped, {1, 2, 3}).get(), (std::vector{1, 2, 3}));
  EXPECT_EQ(pool.map(not_stopped, std::list{1, 2, 3}).get(), (std::vector{1, 2, 3}));
  EXPECT_EQ(pool.map(not_stopped, {1, 2, 3}, {.item_timeout = 1h}).get(), (std::vector{1, 2, 3}));
}

int until_stopped(fanout::stop_token stop, int x) {
  if (x == 0) return 0;
  while (!stop.stop_requested()) std::this_thread::yield();
  if (x == 1) throw fanout::cancelled();
  if (x == 2) throw std::domain_error("2");
  return x;
}

TEST(ThreadPoolMap, AnItemThatTakesTooLongIsAskedToStop) {
  fanout::thread_pool pool(2);
  for (const fanout::map_options options :
       {fanout::map_options{.item_timeout = 1ms}, fanout::map_options{.window = 2, .item_timeout = 1ms}}) {
    std::vector<fanout::result<int>> outcomes;
    for (auto&& item : pool.map(until_stopped, {0, 1, 2, 3}, options).results()) outcomes.push_back(std::move(item));
    ASSERT_EQ(outcomes.size(), 4U);
    EXPECT_EQ(outcomes[0].value(), 0);
    try {
      std::rethrow_exception(outcomes[1].error());
    } catch (const fanout::timed_out& error) {
      EXPECT_NE(std::string(error.what()).find("item 1 had not ended after 1 ms"), std::string::npos) << error.what();
    }
    EXPECT_THROW(std::rethrow_exception(outcomes[2].error()), std::domain_error);
    EXPECT_EQ(outcomes[3].value(), 3);  // it had its reasons
  }
}

TEST(ThreadPoolMap, AnItemMayEndByBeingCancelledForAnotherReason) {
  fanout::thread_pool pool(2);
  const auto gives_up = [](fanout::stop_token, int) -> int { throw fanout::cancelled(); };
  EXPECT_THROW((void)pool.map(gives_up, {1}, {.item_timeout = 1h}).get(), fanout::cancelled);
}

TEST(ThreadPoolMap, ItemsAreStoppedWhileEveryWorkerIsBusy) {
  fanout::thread_pool pool(1);
  for (auto&& item : pool.map(until_stopped, {1, 1, 1}, {.item_timeout = 1ms}).results()) {
    EXPECT_THROW(std::rethrow_exception(item.error()), fanout::timed_out);
  }
}

TEST(ThreadPoolMap, AnItemTimeoutNeedsAFunctionThatCanBeAsked) {
  fanout::thread_pool pool(1);
  try {
    static_cast<void>(pool.map(square, {1}, {.item_timeout = 1s}));
    ADD_FAILURE() << "no error";
  } catch (const fanout::error& error) {
    EXPECT_NE(std::string(error.what()).find("stop_token"), std::string::npos) << error.what();
  }
}

std::ptrdiff_t threads_of_this_process() {
  return std::ranges::distance(std::filesystem::directory_iterator("/proc/self/task"),
                               std::filesystem::directory_iterator());
}

TEST(ThreadPoolMap, ItemTimeoutsLeaveNoThreadBehind) {
  std::jthread([] {}).join();  // the first thread brings that of TSan's runtime with it, which stays
  const auto before = threads_of_this_process();
  {
    fanout::thread_pool pool(1);
    (void)pool.map(until_stopped, {3}, {.item_timeout = 1ms}).get();
  }
  while (threads_of_this_process() > before) std::this_thread::yield();  // the kernel is a little later than join()
}

TEST(ThreadPoolMap, StopCallbacksOfManyItemsRun) {
  fanout::thread_pool pool(3);
  std::atomic<int> called = 0;
  const auto waits = [&](fanout::stop_token stop, int x) -> int {
    std::latch stopped(1);
    const fanout::stop_callback on_stop(stop, [&] {
      ++called;
      stopped.count_down();
    });
    stopped.wait();
    return x;
  };
  EXPECT_EQ(pool.map(waits, std::views::iota(0, 30), {.item_timeout = 1ms}).get().size(), 30U);
  EXPECT_EQ(called, 30);
}

}  // namespace
