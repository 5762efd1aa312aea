// SPDX-License-Identifier: Apache-2.0
// thread_pool::for_each.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <latch>
#include <mutex>
#include <numeric>
#include <set>
#include <span>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "fanout/errors.hpp"
#include "fanout/future.hpp"
#include "fanout/serial_executor.hpp"
#include "fanout/thread_pool.hpp"

namespace {

TEST(ForEach, ChangesEveryItemInPlace) {
  for (const unsigned workers : {1U, 2U, 5U}) {
    fanout::thread_pool pool(workers);
    for (const std::size_t count : {0U, 1U, 2U, 3U, 7U, 1000U, 100'000U}) {
      std::vector<int> values(count), expected(count);
      std::iota(values.begin(), values.end(), 0);
      std::iota(expected.begin(), expected.end(), 1);
      pool.for_each([](int& x) { x += 1; }, values);
      EXPECT_EQ(values, expected) << workers << " workers";
    }
  }
}

TEST(ForEach, TakesAnyContiguousRange) {
  fanout::thread_pool pool(2);
  std::array<int, 3> array{1, 2, 3};
  const auto twice = [](int& x) { x *= 2; };
  pool.for_each(twice, array);
  pool.for_each(twice, std::span(array).first(2));
  EXPECT_EQ(array, (std::array{4, 8, 6}));
  const std::vector<std::string> words{"a", "bc"};
  std::atomic<std::size_t> letters = 0;
  pool.for_each([&](const std::string& s) { letters += s.size(); }, words);
  EXPECT_EQ(letters, 3U);
  struct counter {
    int n = 0;
    void count() { ++n; }
  };
  std::vector<counter> counters(10);
  pool.for_each(&counter::count, counters);
  EXPECT_TRUE(std::ranges::all_of(counters, [](const counter& c) { return c.n == 1; }));
}

TEST(ForEach, RunsOnTheWorkersOnlyAndOnAllOfThem) {
  fanout::thread_pool pool(3);
  std::latch together(3);  // even three items of unknown length are spread
  std::mutex mutex;
  std::set<std::thread::id> ids;
  std::vector<int> items(3);
  pool.for_each(
      [&](int&) {
        together.arrive_and_wait();
        const std::lock_guard lock(mutex);
        ids.insert(std::this_thread::get_id());
      },
      items);
  EXPECT_EQ(ids.size(), 3U);
  EXPECT_FALSE(ids.contains(std::this_thread::get_id()));
}

TEST(ForEach, AWorkerThatCallsItTakesPart) {
  fanout::thread_pool one(1);
  std::vector<int> items(1000);
  const bool mine = one.submit([&] {
                         const auto me = std::this_thread::get_id();
                         std::atomic<bool> all_mine = true;
                         one.for_each(
                             [&](int& x) {
                               ++x;
                               if (std::this_thread::get_id() != me) all_mine = false;
                             },
                             items);
                         return all_mine.load();
                       })
                        .get();
  EXPECT_TRUE(mine);
  EXPECT_EQ(items, std::vector<int>(1000, 1));
}

TEST(ForEach, Nests) {
  for (const unsigned workers : {1U, 2U, 3U}) {
    fanout::thread_pool pool(workers);
    std::vector<std::vector<int>> rows(50, std::vector<int>(200));
    pool.for_each([&](std::vector<int>& row) { pool.for_each([](int& x) { ++x; }, row); }, rows);
    EXPECT_EQ(rows, std::vector(50, std::vector<int>(200, 1)));
  }
}

TEST(ForEach, DoesNotWaitForHelpersThatComeTooLate) {
  fanout::thread_pool pool(2);
  std::latch begun(1), release(1);
  auto blocker = pool.submit([&] {
    begun.count_down();
    release.wait();
  });
  begun.wait();  // one of the two workers will not come
  std::vector<int> items(1000);
  pool.for_each([](int& x) { ++x; }, items);
  EXPECT_EQ(items, std::vector<int>(1000, 1));
  items = {};
  release.count_down();
  blocker.get();
}

TEST(ForEach, ThrowsAnErrorWhenAllThatBeganHasEnded) {
  fanout::thread_pool pool(2);
  std::vector<int> items(10'000);
  std::iota(items.begin(), items.end(), 0);
  std::atomic<int> running = 0, ran = 0;
  const auto fails = [&](int& x) {
    ++running;
    ++ran;
    const int number = x;
    --running;
    if (number == 0) throw std::invalid_argument("0 is not good");
  };
  try {
    pool.for_each(fails, items);
    ADD_FAILURE() << "no error";
  } catch (const std::invalid_argument& error) {
    EXPECT_STREQ(error.what(), "0 is not good");
  }
  EXPECT_EQ(running, 0);
  const int ran_then = ran;
  pool.for_each([](int&) {}, items);  // and is as good as before
  EXPECT_EQ(ran, ran_then);
}

TEST(ForEach, OfSeveralErrorsThrowsTheFirstInTheRangesOrder) {
  fanout::thread_pool pool(2);
  std::latch both(2);
  std::vector<int> items{0, 1};
  try {
    pool.for_each(
        [&](int& x) {
          both.arrive_and_wait();
          throw std::invalid_argument(std::to_string(x));
        },
        items);
    ADD_FAILURE() << "no error";
  } catch (const std::invalid_argument& error) {
    EXPECT_STREQ(error.what(), "0");
  }
}

TEST(ForEach, BeginsNothingMoreAfterAnError) {
  fanout::thread_pool one(1);
  std::vector<int> items(1000);
  int ran = 0;
  EXPECT_THROW(one.for_each(
                   [&](int&) {
                     if (++ran == 10) throw std::runtime_error("enough");
                   },
                   items),
               std::runtime_error);
  EXPECT_EQ(ran, 10);
}

TEST(ForEach, ManyThreadsMayCallItAtTheSameTime) {
  fanout::thread_pool pool(2);
  std::atomic<int> right = 0;
  std::vector<std::jthread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 200; ++i) {
        std::vector<int> items(static_cast<std::size_t>(i));
        pool.for_each([](int& x) { ++x; }, items);
        right += std::ranges::all_of(items, [](int x) { return x == 1; }) ? 1 : 0;
      }
    });
  }
  threads.clear();
  EXPECT_EQ(right, 800);
}

TEST(ForEach, OfASerialExecutorGoesInOrder) {
  fanout::serial_executor serial;
  std::vector<int> items{3, 1, 2}, seen;
  serial.for_each([&](int& x) { seen.push_back(x++); }, items);
  EXPECT_EQ(seen, (std::vector{3, 1, 2}));
  EXPECT_EQ(items, (std::vector{4, 2, 3}));
}

}  // namespace
