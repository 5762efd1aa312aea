// SPDX-License-Identifier: Apache-2.0
// What every pool does with functions: one specification, instantiated wherever there is a pool. Its callables are
// functions and captureless lambdas, and what they are called with is copied: that suits processes, too. What only one
// pool does is in its own tests.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <filesystem>
#include <forward_list>
#include <fstream>
#include <list>
#include <numeric>
#include <optional>
#include <ranges>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include "fanout/as_completed.hpp"
#include "fanout/errors.hpp"
#include "fanout/event_loop.hpp"
#include "fanout/gather.hpp"
#include "fanout/pool.hpp"
#include "fanout/serial_executor.hpp"
#include "fanout/sleep.hpp"
#include "fanout/task.hpp"
#include "fanout/timeout.hpp"
#include "fanout/wait.hpp"
#include "gate.hpp"
#include "numbers.hpp"
#include "variants.hpp"

namespace fanout_test {

/// What a specification has to know about a pool.
///
///     names         of its variants: the tests are compiled once for all of them
///     make(n)       a new one with n workers, as far as it has a choice, of the variant that the running test is about
///     runs_at_once  submit() and map() call the function before they return
///     environment   a fixture around all of it
template <class T>
concept pool_traits =
    fanout::pool<decltype(T::make(1U))> && std::derived_from<typename T::environment, ::testing::Test> && requires {
      { T::names[0] } -> std::convertible_to<const char*>;
      { T::runs_at_once } -> std::convertible_to<bool>;
    };

// --- what is submitted

using namespace std::chrono_literals;

inline int square(int x) { return x * x; }
inline int odd_only(int x) {
  if (x % 2 == 0) throw std::invalid_argument(std::to_string(x) + " is even");
  return x;
}
inline void touch(const std::string& path) { std::ofstream(path) << 'x'; }

template <pool_traits Traits>
class PoolSuite : public Traits::environment {
 protected:
  static auto make(unsigned workers = 2) { return Traits::make(workers); }
};
TYPED_TEST_SUITE_P(PoolSuite);

// --- submit

TYPED_TEST_P(PoolSuite, RunsAFunctionWithItsArguments) {
  auto pool = this->make();
  EXPECT_GE(pool.workers(), 1U);
  EXPECT_EQ(pool.submit(square, 7).get(), 49);
  EXPECT_EQ(pool.submit([](int a, const std::string& b) { return b + std::to_string(a); }, 7, "x").get(), "x7");
  const std::vector<int> numbers{1, 2, 3};
  EXPECT_EQ(pool.submit([](std::vector<int> v) { return std::accumulate(v.begin(), v.end(), 0); }, numbers).get(), 6);
  pool.submit([] {}).get();
}

TYPED_TEST_P(PoolSuite, CopiesItsArguments) {
  auto pool = this->make();
  std::string mine = "mine";
  EXPECT_EQ(pool.submit([](std::string theirs) { return theirs + ", changed"; }, mine).get(), "mine, changed");
  EXPECT_EQ(mine, "mine");
}

TYPED_TEST_P(PoolSuite, ErrorsComeOutOfGet) {
  auto pool = this->make();
  auto fails = pool.submit(odd_only, 2);
  try {
    fails.get();
    ADD_FAILURE() << "no error";
  } catch (const std::invalid_argument& error) {
    EXPECT_STREQ(error.what(), "2 is even");
  }
  EXPECT_EQ(pool.submit(odd_only, 3).get(), 3);
}

TYPED_TEST_P(PoolSuite, FuturesCanBeDropped) {
  const std::string ran = ::testing::TempDir() + "fanout_ran_" + std::to_string(::getpid());
  std::filesystem::remove(ran);
  {
    auto pool = this->make();
    static_cast<void>(pool.submit(touch, ran));
    static_cast<void>(pool.map(square, {1, 2, 3}));
  }
  EXPECT_TRUE(std::filesystem::remove(ran)) << "what nobody waits for was not run";
}

TYPED_TEST_P(PoolSuite, ATaskThatHasNotBegunCanBeCancelled) {
  if constexpr (TypeParam::runs_at_once) {
    auto pool = this->make(1);
    auto over = pool.submit(square, 2);
    EXPECT_FALSE(over.cancel());  // there is none that has not begun
    EXPECT_EQ(over.get(), 4);
  } else {
    gate gate;
    auto pool = this->make(1);
    auto first = pool.submit(gate::pass, gate.path());
    auto second = pool.submit(square, 2);
    auto third = pool.submit(square, 3);
    EXPECT_TRUE(second.cancel());
    EXPECT_THROW(second.get(), fanout::cancelled);
    EXPECT_FALSE(third.ready());
    gate.open();
    first.get();
    EXPECT_EQ(third.get(), 9);
  }
}

TYPED_TEST_P(PoolSuite, ATaskThatHasEndedCannotBeCancelled) {
  auto pool = this->make();
  auto over = pool.submit(square, 3);
  over.wait();
  EXPECT_TRUE(over.ready());
  EXPECT_FALSE(over.cancel());
  EXPECT_FALSE(over.cancel(fanout::cancel_mode::kill));
  EXPECT_EQ(over.get(), 9);
}

// --- map

TYPED_TEST_P(PoolSuite, MapKeepsTheOrderOfTheInputs) {
  auto pool = this->make();
  std::vector<int> inputs(1000);
  std::iota(inputs.begin(), inputs.end(), 0);
  auto squares = inputs;
  for (int& x : squares) x *= x;
  EXPECT_EQ(pool.map(square, inputs).get(), squares);
  for (const std::size_t chunk : {1, 3, 500, 1000, 5000}) {
    EXPECT_EQ(pool.map(square, inputs, {.chunk = chunk}).get(), squares);
  }
}

TYPED_TEST_P(PoolSuite, MapTakesAnyInputs) {
  auto pool = this->make();
  const std::vector<int> expected{1, 4, 9};
  EXPECT_EQ(pool.map(square, {1, 2, 3}).get(), expected);
  EXPECT_EQ(pool.map(square, {1, 2, 3}, {.chunk = 2}).get(), expected);
  EXPECT_EQ(pool.map(square, std::vector{1, 2, 3}).get(), expected);
  std::vector<int> kept{1, 2, 3};
  EXPECT_EQ(pool.map(square, kept).get(), expected);
  EXPECT_EQ(pool.map(square, std::as_const(kept)).get(), expected);
  EXPECT_EQ(pool.map(square, std::forward_list{1, 2, 3}).get(), expected);
  EXPECT_EQ(pool.map(square, std::views::iota(1, 4)).get(), expected);
  EXPECT_EQ(kept, (std::vector{1, 2, 3}));
}

TYPED_TEST_P(PoolSuite, MapOfNothingIsNothing) {
  auto pool = this->make();
  EXPECT_TRUE(pool.map(square, std::vector<int>()).get().empty());
  const std::vector<int> kept;
  for (auto&& item : pool.map(square, kept).results()) ADD_FAILURE() << *item;
}

TYPED_TEST_P(PoolSuite, MapOwnsWhatItIsGiven) {
  auto pool = this->make();
  auto lengths = [&] {
    return pool.map([](const std::string& s) { return s.size(); }, std::vector<std::string>(100, std::string(50, 'x')));
  }();
  EXPECT_EQ(lengths.get(), std::vector<std::size_t>(100, 50));
}

TYPED_TEST_P(PoolSuite, MapMayReturnNothing) {
  auto pool = this->make();
  auto map = pool.map([](const std::string&) {}, {std::string("a"), std::string("b")});
  static_assert(std::is_void_v<decltype(map.get())>);
  map.get();
}

TYPED_TEST_P(PoolSuite, MapThrowsTheErrorOfTheFirstInputThatFailed) {
  auto pool = this->make();
  try {
    (void)pool.map(odd_only, {1, 4, 3, 2}).get();
    ADD_FAILURE() << "no error";
  } catch (const std::invalid_argument& error) {
    EXPECT_STREQ(error.what(), "4 is even");
  }
}

TYPED_TEST_P(PoolSuite, AnErrorFailsItsItemOnly) {
  auto pool = this->make();
  std::vector<int> outcomes;  // 0: an error
  for (fanout::result<int> item : pool.map(odd_only, {1, 2, 3, 4, 5}).results()) {
    outcomes.push_back(item.value_or(0));
    if (!item.has_value()) EXPECT_THROW(std::rethrow_exception(item.error()), std::invalid_argument);
  }
  EXPECT_EQ(outcomes, (std::vector{1, 0, 3, 0, 5}));
}

TYPED_TEST_P(PoolSuite, EachErrorIsTheOneOfItsItem) {
  auto pool = this->make();
  int next = 0;
  for (auto&& item : pool.map(odd_only, std::views::iota(0, 500)).results()) {
    const int number = next++;
    if (number % 2 != 0) {
      EXPECT_EQ(item.value(), number);
      continue;
    }
    try {
      std::rethrow_exception(item.error());
    } catch (const std::invalid_argument& error) {
      EXPECT_EQ(error.what(), std::to_string(number) + " is even");
    }
  }
  EXPECT_EQ(next, 500);
}

TYPED_TEST_P(PoolSuite, ResultsNeedNotBeOrdered) {
  auto pool = this->make();
  std::vector<int> all;
  for (auto&& item : pool.map(square, std::views::iota(0, 500), {.ordered = false}).results()) all.push_back(*item);
  std::ranges::sort(all);
  std::vector<int> squares(500);
  std::iota(squares.begin(), squares.end(), 0);
  for (int& x : squares) x *= x;
  EXPECT_EQ(all, squares);
  EXPECT_EQ(pool.map(square, std::views::iota(0, 500), {.ordered = false}).get(), squares);
}

TYPED_TEST_P(PoolSuite, TheLoopOverResultsMayBeLeft) {
  auto pool = this->make();
  for (const bool ordered : {true, false}) {
    for (auto&& item : pool.map(square, std::views::iota(0, 500), {.ordered = ordered}).results()) {
      EXPECT_TRUE(item.has_value());
      break;
    }
  }
  EXPECT_EQ(pool.submit(square, 3).get(), 9);
}

TYPED_TEST_P(PoolSuite, AMapIsTakenOnce) {
  auto pool = this->make();
  auto map = pool.map(square, {1});
  EXPECT_EQ(map.get(), std::vector{1});
  EXPECT_THROW((void)map.get(), fanout::error);
  EXPECT_THROW((void)map.results(), fanout::error);
}

// --- inputs that are pulled, or that a window holds back

TYPED_TEST_P(PoolSuite, MapPullsFromRangesOfAllKinds) {
  auto pool = this->make();
  const std::vector expected{1, 4, 9};
  std::list<int> list{1, 2, 3};
  EXPECT_EQ(pool.map(square, list).get(), expected);
  EXPECT_EQ(pool.map(square, std::as_const(list)).get(), expected);
  EXPECT_EQ(pool.map(square, std::list{1, 2, 3}).get(), expected);
  std::istringstream text("1 2 3");
  EXPECT_EQ(pool.map(square, std::views::istream<int>(text)).get(), expected);
  EXPECT_EQ(pool.map(square, std::vector{1, 2, 3, 4} | std::views::filter([](int x) { return x != 4; })).get(),
            expected);
  EXPECT_EQ(pool.map(square, plain_numbers(itself) | std::views::take(100)).get(), squares(100));
  EXPECT_TRUE(pool.map(square, std::list<int>()).get().empty());
  for (auto&& item : pool.map(square, std::list<int>()).results()) ADD_FAILURE() << *item;
  EXPECT_EQ(pool.map([](const std::string& s) { return s.size(); }, std::list<std::string>(3, "abc")).get(),
            std::vector<std::size_t>(3, 3));
}

TYPED_TEST_P(PoolSuite, AWindowChangesNoResult) {
  auto pool = this->make();
  for (const std::size_t window : {1U, 2U, 7U, 1000U}) {
    for (const std::size_t chunk : {0U, 1U, 5U}) {
      const fanout::map_options options{.chunk = chunk, .window = window};
      EXPECT_EQ(pool.map(square, std::views::iota(0, 300), options).get(), squares(300));
      EXPECT_EQ(first_of(pool.map(square, std::views::iota(0, 300), options).results(), 300), squares(300));
      EXPECT_EQ(first_of(pool.map(square, std::views::iota(0), options).results(), 300), squares(300));
    }
  }
}

TYPED_TEST_P(PoolSuite, MapPullsOnlyWhatItsWindowHasRoomFor) {
  auto pool = this->make();
  for (const bool ordered : {true, false}) {
    for (const std::size_t window : {1U, 2U, 10U}) {
      std::atomic<int> pulled = 0;
      int taken = 0, most = 0;
      for (auto&& item :
           pool.map(square, numbers_without_end(itself, &pulled), {.window = window, .ordered = ordered}).results()) {
        EXPECT_TRUE(item.has_value());
        ++taken;
        most = std::max(most, pulled - taken);
        if (taken == 1000) break;
      }
      EXPECT_LE(most, static_cast<int>(window));
    }
  }
}

TYPED_TEST_P(PoolSuite, PulledItemsNeedNotBeOrdered) {
  auto pool = this->make();
  for (const std::size_t window : {0U, 1U, 5U}) {
    const fanout::map_options options{.window = window, .ordered = false};
    std::vector<int> all;
    for (auto&& item : pool.map(square, plain_numbers(itself) | std::views::take(1000), options).results()) {
      all.push_back(*item);
    }
    std::ranges::sort(all);
    EXPECT_EQ(all, squares(1000));
    EXPECT_EQ(pool.map(square, plain_numbers(itself) | std::views::take(1000), options).get(), squares(1000))
        << "but together they are";
  }
}

TYPED_TEST_P(PoolSuite, WhoeverLeavesTheLoopEndsThePulling) {
  std::atomic<int> pulled = 0;
  {
    auto pool = this->make();
    EXPECT_EQ(first_of(pool.map(square, numbers_without_end(itself, &pulled)).results(), 10), squares(10));
    const int until_then = pulled;
    EXPECT_EQ(pool.map(square, std::list{1, 2, 3}).get(), (std::vector{1, 4, 9}));
    EXPECT_EQ(pulled, until_then);
  }  // which would drain for ever
}

TYPED_TEST_P(PoolSuite, AMapWithoutEndThatNobodyTakesEnds) {
  std::atomic<int> pulled = 0;
  auto pool = this->make();
  static_cast<void>(pool.map(square, numbers_without_end(itself, &pulled)));
  const int until_then = pulled;
  EXPECT_EQ(pool.submit(square, 3).get(), 9);
  EXPECT_EQ(pulled, until_then);
}

TYPED_TEST_P(PoolSuite, APulledMapOutlivesItsPoolWithWhatWasPulled) {
  if constexpr (!TypeParam::runs_at_once) {  // which needs no pool for that
    std::optional<fanout::mapped<int>> map;
    {
      auto pool = this->make();
      map = pool.map(square, std::views::iota(0), {.window = 10});
    }
    int next = 0;
    bool closed = false;
    for (auto&& item : map->results()) {
      ASSERT_FALSE(closed) << "the last one";
      if (item.has_value()) {
        EXPECT_EQ(*item, square(next++));
      } else {
        closed = true;
        EXPECT_THROW(std::rethrow_exception(item.error()), fanout::pool_closed);
      }
    }
    EXPECT_EQ(next, 10);
    EXPECT_TRUE(closed);
  }
}

TYPED_TEST_P(PoolSuite, AnErrorOfTheRangeComesAfterTheItemsBeforeIt) {
  auto pool = this->make();
  const auto ends_badly = [] {
    return numbers_without_end([](int x) {
      if (x == 100) throw std::out_of_range("no more");
      return 2 * x + 1;
    });
  };
  for (const bool ordered : {true, false}) {
    int values = 0;
    bool failed = false;
    for (auto&& item : pool.map(odd_only, ends_badly(), {.ordered = ordered}).results()) {
      EXPECT_FALSE(failed);
      if (item.has_value()) {
        ++values;
      } else {
        failed = true;
        EXPECT_THROW(std::rethrow_exception(item.error()), std::out_of_range);
      }
    }
    EXPECT_EQ(values, 100);
    EXPECT_TRUE(failed);
  }
  EXPECT_THROW((void)pool.map(odd_only, ends_badly()).get(), std::out_of_range);
  EXPECT_THROW((void)pool.map(odd_only, ends_badly() | std::views::transform([](int x) { return x - x % 3; })).get(),
               std::invalid_argument)
      << "an item's comes first";
}

TYPED_TEST_P(PoolSuite, EachErrorOfAPulledMapIsTheOneOfItsItem) {
  auto pool = this->make();
  int next = 0;
  for (auto&& item : pool.map(odd_only, plain_numbers(itself) | std::views::take(500), {.window = 7}).results()) {
    const int number = next++;
    ASSERT_EQ(item.has_value(), number % 2 != 0);
    if (item.has_value()) continue;
    try {
      std::rethrow_exception(item.error());
    } catch (const std::invalid_argument& error) {
      ASSERT_EQ(error.what(), std::to_string(number) + " is even");
    }
  }
  EXPECT_EQ(next, 500);
}

TYPED_TEST_P(PoolSuite, ManyThreadsMapAtTheSameTime) {
  auto pool = this->make();
  std::atomic<int> right = 0;
  std::vector<std::jthread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 10; ++i) {
        right += first_of(pool.map(square, std::views::iota(0), {.window = 20}).results(), 100) == squares(100);
        right += pool.map(square, plain_numbers(itself) | std::views::take(100)).get() == squares(100);
      }
    });
  }
  threads.clear();
  EXPECT_EQ(right, 80);
}

// --- many futures

template <class Pool>
std::vector<fanout::future<int>> squares_up_to(Pool& pool, int count) {
  std::vector<fanout::future<int>> futures;
  for (int i = 1; i <= count; ++i) futures.push_back(pool.submit(square, i));
  return futures;
}

TYPED_TEST_P(PoolSuite, FuturesCompleteInARange) {
  auto pool = this->make();
  int sum = 0;
  for (auto&& done : fanout::as_completed(squares_up_to(pool, 10))) {
    EXPECT_TRUE(done.ready());
    sum += done.get();
  }
  EXPECT_EQ(sum, 385);
  for (auto&& done : fanout::as_completed(squares_up_to(pool, 10))) {  // which may be left early
    EXPECT_GT(done.get(), 0);
    break;
  }
}

TYPED_TEST_P(PoolSuite, FuturesCanBeWaitedForTogether) {
  auto pool = this->make();
  auto all = fanout::wait(squares_up_to(pool, 10));
  ASSERT_EQ(all.done.size(), 10U);
  EXPECT_TRUE(all.not_done.empty());
  EXPECT_EQ(all.done[2].get(), 9);  // in their order
  auto first = fanout::wait(squares_up_to(pool, 3), fanout::return_when::first_completed);
  EXPECT_GE(first.done.size(), 1U);
  EXPECT_EQ(first.done.size() + first.not_done.size(), 3U);
}

TYPED_TEST_P(PoolSuite, AWaitMayGiveUp) {
  if constexpr (!TypeParam::runs_at_once) {  // there is nothing to wait for otherwise
    gate gate;
    auto pool = this->make(1);
    std::vector<fanout::future<void>> futures;
    futures.push_back(pool.submit(gate::pass, gate.path()));
    EXPECT_FALSE(futures[0].wait_for(1ms));
    auto [done, not_done] = fanout::wait(std::move(futures), fanout::return_when::all_completed, 1ms);
    EXPECT_TRUE(done.empty());
    ASSERT_EQ(not_done.size(), 1U);
    gate.open();
    not_done[0].get();
  }
}

TYPED_TEST_P(PoolSuite, ManyThreadsSubmitAtTheSameTime) {
  auto pool = this->make();
  std::atomic<int> right = 0;
  std::vector<std::jthread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      std::vector<fanout::future<int>> futures;
      for (int i = 0; i < 500; ++i) futures.push_back(pool.submit(square, i));
      for (std::size_t i = 0; i < futures.size(); i += 3) futures[i].cancel();  // in time or not
      for (int i = 0; i < 500; ++i) {
        try {
          right += futures[static_cast<std::size_t>(i)].get() == i * i;
        } catch (const fanout::cancelled&) {
          right += i % 3 == 0;
        }
      }
      right += pool.map(square, {1, 2, 3}).get() == std::vector{1, 4, 9};
    });
  }
  threads.clear();
  EXPECT_EQ(right, 4 * 501);
}

TYPED_TEST_P(PoolSuite, TheDestructorDrains) {
  std::vector<fanout::future<int>> futures;
  std::optional<fanout::mapped<int>> map;
  {
    auto pool = this->make();
    futures = squares_up_to(pool, 100);
    map = pool.map(square, std::vector<int>(100, 2));
  }
  for (int i = 1; i <= 100; ++i) {  // which outlive the pool
    auto& f = futures[static_cast<std::size_t>(i - 1)];
    ASSERT_TRUE(f.ready());
    EXPECT_EQ(f.get(), i * i);
  }
  EXPECT_EQ(map->get(), std::vector<int>(100, 4));
}

// --- coroutines

/// Awaits whatever a pool gives, and goes on on its own thread.
template <class Pool>
fanout::task<int> await_all_of_it(Pool& pool) {
  const auto home = std::this_thread::get_id();
  auto early = pool.submit(square, 3);
  int sum = co_await pool.submit(square, 4);
  EXPECT_EQ(std::this_thread::get_id(), home);
  for (const int x : co_await pool.map(square, {1, 2})) sum += x;
  EXPECT_EQ(std::this_thread::get_id(), home);
  auto range = fanout::as_completed(squares_up_to(pool, 10));
  while (auto done = co_await range.next()) {
    EXPECT_EQ(std::this_thread::get_id(), home);
    sum += done->get();
  }
  auto task = [](Pool& p, int x) -> fanout::task<int> { co_return co_await p.submit(square, x); };
  const auto [a, b] = co_await fanout::gather(task(pool, 5), task(pool, 6));
  EXPECT_EQ(std::this_thread::get_id(), home);
  co_return sum + co_await std::move(early) + a + b;
}
inline constexpr int all_of_it = 16 + 1 + 4 + 385 + 9 + 25 + 36;

TYPED_TEST_P(PoolSuite, CoroutinesOfALoopAwaitItsResults) {
  auto pool = this->make();
  EXPECT_EQ(fanout::run(await_all_of_it(pool)), all_of_it);
}

TYPED_TEST_P(PoolSuite, CoroutinesOfASerialExecutorAwaitItsResults) {
  auto pool = this->make();
  fanout::serial_executor serial;
  EXPECT_EQ(serial.run(await_all_of_it(pool)), all_of_it);
}

template <class Pool, class Inputs>
fanout::task<int> sum_of_results(Pool& pool, Inputs inputs, fanout::map_options options) {
  const auto home = std::this_thread::get_id();
  int sum = 0;
  auto results = pool.map(square, std::move(inputs), options).results();
  while (auto item = co_await results.next()) {
    EXPECT_EQ(std::this_thread::get_id(), home);
    sum += item->value();
  }
  co_return sum;
}

TYPED_TEST_P(PoolSuite, CoroutinesTakeResultsOneByOne) {
  auto pool = this->make();
  const auto sums = [&](auto inputs, fanout::map_options options) {
    EXPECT_EQ(fanout::run(sum_of_results(pool, inputs, options)), 328'350);
    fanout::serial_executor serial;
    EXPECT_EQ(serial.run(sum_of_results(pool, inputs, options)), 328'350);
  };
  sums(std::views::iota(0, 100), {});
  sums(std::views::iota(0, 100), {.window = 3});
  sums(std::views::iota(0) | std::views::take_while([](int x) { return x != 100; }), {});
  sums(std::views::iota(0) | std::views::take_while([](int x) { return x != 100; }), {.ordered = false});
}

TYPED_TEST_P(PoolSuite, CoroutinesAwaitWhatIsPulled) {
  auto pool = this->make();
  auto await = [&]() -> fanout::task<std::vector<int>> {
    co_return co_await pool.map(square, plain_numbers(itself) | std::views::take(100));
  };
  EXPECT_EQ(fanout::run(await()), squares(100));
}

TYPED_TEST_P(PoolSuite, ACoroutineThatIsStoppedEndsAMapWithoutEnd) {
  auto pool = this->make();
  auto takes_for_ever = [&]() -> fanout::task<> {
    auto items = pool.map(square, std::views::iota(0) | std::views::transform([](int x) { return x % 100; })).results();
    while (co_await items.next()) {
    }
  };
  EXPECT_THROW(fanout::run(fanout::timeout(1ms, takes_for_ever())), fanout::timed_out);
}

TYPED_TEST_P(PoolSuite, CoroutinesGetTheErrors) {
  auto pool = this->make();
  auto one = [&]() -> fanout::task<> { co_await pool.submit(odd_only, 2); };
  auto map = [&]() -> fanout::task<> { co_await pool.map(odd_only, {1, 2}); };
  EXPECT_THROW(fanout::run(one()), std::invalid_argument);
  EXPECT_THROW(fanout::run(map()), std::invalid_argument);
}

TYPED_TEST_P(PoolSuite, ACoroutineThatIsStoppedLeavesTheFuture) {
  if constexpr (!TypeParam::runs_at_once) {  // there is nothing to wait for otherwise
    gate gate;
    auto pool = this->make(1);
    int stopped = 0;
    auto waits = [&](auto work) -> fanout::task<> {
      try {
        co_await std::move(work);
      } catch (const fanout::cancelled&) {
        ++stopped;
        throw;
      }
    };
    auto fails = []() -> fanout::task<> {
      co_await fanout::yield();
      throw std::runtime_error("x");
    };
    auto main = [&]() -> fanout::task<> {
      auto blocked = pool.submit(gate::pass, gate.path());
      auto map = pool.map(square, {1, 2, 3});
      co_await fanout::gather(waits(std::move(blocked)), waits(std::move(map)), fails());
    };
    EXPECT_THROW(fanout::run(main()), std::runtime_error);
    EXPECT_EQ(stopped, 2);
    gate.open();
    EXPECT_EQ(pool.submit(square, 2).get(), 4);
  }
}

REGISTER_TYPED_TEST_SUITE_P(PoolSuite, RunsAFunctionWithItsArguments, CopiesItsArguments, ErrorsComeOutOfGet,
                            FuturesCanBeDropped, ATaskThatHasNotBegunCanBeCancelled, ATaskThatHasEndedCannotBeCancelled,
                            MapKeepsTheOrderOfTheInputs, MapTakesAnyInputs, MapOfNothingIsNothing, MapOwnsWhatItIsGiven,
                            MapMayReturnNothing, MapThrowsTheErrorOfTheFirstInputThatFailed, AnErrorFailsItsItemOnly,
                            EachErrorIsTheOneOfItsItem, ResultsNeedNotBeOrdered, TheLoopOverResultsMayBeLeft,
                            CoroutinesTakeResultsOneByOne, AMapIsTakenOnce, MapPullsFromRangesOfAllKinds,
                            AWindowChangesNoResult, MapPullsOnlyWhatItsWindowHasRoomFor, PulledItemsNeedNotBeOrdered,
                            WhoeverLeavesTheLoopEndsThePulling, AMapWithoutEndThatNobodyTakesEnds,
                            APulledMapOutlivesItsPoolWithWhatWasPulled, AnErrorOfTheRangeComesAfterTheItemsBeforeIt,
                            EachErrorOfAPulledMapIsTheOneOfItsItem, ManyThreadsMapAtTheSameTime,
                            CoroutinesAwaitWhatIsPulled, ACoroutineThatIsStoppedEndsAMapWithoutEnd,
                            FuturesCompleteInARange, FuturesCanBeWaitedForTogether, AWaitMayGiveUp,
                            ManyThreadsSubmitAtTheSameTime, TheDestructorDrains, CoroutinesOfALoopAwaitItsResults,
                            CoroutinesOfASerialExecutorAwaitItsResults, CoroutinesGetTheErrors,
                            ACoroutineThatIsStoppedLeavesTheFuture);

}  // namespace fanout_test

/// `traits`: pool_traits. In namespace fanout_test.
#define FANOUT_POOL_SUITE(traits)               \
  using pools_under_test = variants_of<traits>; \
  INSTANTIATE_TYPED_TEST_SUITE_P(Of, PoolSuite, pools_under_test, variant_name)
