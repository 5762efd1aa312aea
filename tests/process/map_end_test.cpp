// SPDX-License-Identifier: Apache-2.0
// How maps of a process pool whose inputs are pulled end before their inputs do: by who leaves them, or with the pool.
#include <atomic>
#include <chrono>
#include <exception>
#include <optional>
#include <ranges>
#include <semaphore>
#include <string>
#include <thread>
#include <vector>

#include "fanout/errors.hpp"
#include "fanout/shutdown.hpp"
#include "gate.hpp"
#include "numbers.hpp"
#include "pulling.hpp"
#include "support.hpp"
#include "tasks.hpp"

namespace {

using namespace std::chrono_literals;
using fanout::process_pool;
using fanout_test::blocks_at_one;
using fanout_test::gate;
using fanout_test::itself;
using fanout_test::numbers_without_end;
using fanout_test::plain_numbers;
using fanout_test::ProcessPoolPull;
using fanout_test::square;
using fanout_test::squares;
using fanout_test::tally;

/// What a task is to count, and where.
struct noted {
  std::string tally;
  std::string gate;  // to be passed first, if it is not empty
  int number = 0;
};
int note(const noted& n) {
  tally::count(n.tally, 0);
  if (!n.gate.empty()) gate::pass(n.gate);
  return n.number;
}

bool refuses_maps(process_pool& pool) {
  try {
    static_cast<void>(pool.map(square, {1}, {.window = 1}));
    return false;
  } catch (const fanout::pool_closed&) {
    return true;
  }
}

// --- leaving early, and the pool's end

TEST_F(ProcessPoolPull, WhatHasNotBegunWhenTheLoopIsLeftIsDropped) {
  const tally ran(1);
  gate left;
  process_pool pool(1U);
  const auto inputs = [&](int x) { return noted{ran.path(), x == 1 ? left.path() : "", x}; };
  for (auto&& item : pool.map(note, numbers_without_end(inputs), {.chunk = 1, .window = 10}).results()) {
    EXPECT_EQ(*item, 0);
    EXPECT_TRUE(fanout_test::eventually([&] { return ran[0] == 2; }));  // the second has begun
    break;
  }
  left.open();
  EXPECT_EQ(pool.submit(square, 3).get(), 9);
  EXPECT_EQ(ran[0], 2U);
}

TEST_F(ProcessPoolPull, WhatWasPulledForAMapThatNobodyTakesIsRun) {
  const tally ran(1);
  std::atomic<int> pulled = 0;
  {
    process_pool pool(2U);
    const auto inputs = [&](int x) { return noted{ran.path(), "", x}; };
    auto map = pool.map(note, numbers_without_end(inputs, &pulled));
    EXPECT_TRUE(fanout_test::eventually([&] { return pulled > 0; }));
  }
  EXPECT_EQ(ran[0], static_cast<unsigned>(pulled));
}

TEST_F(ProcessPoolPull, AMapWithAWindowThatNobodyTakesIsRunToItsEnd) {
  const tally ran(1);
  const std::vector<noted> inputs(200, noted{ran.path(), "", 5});
  {
    process_pool pool(2U);
    static_cast<void>(pool.map(note, inputs, {.window = 3}));
    for (auto&& item : pool.map(note, inputs, {.window = 3}).results()) {
      if (*item == 5) break;
    }
    static_cast<void>(pool.map(note, std::vector<noted>(inputs), {.window = 3}));
  }
  EXPECT_EQ(ran[0], 600U);
}

TEST_F(ProcessPoolPull, ThePoolRunsWhatThereIsRoomForBeforeItGoes) {
  for (const bool taken_meanwhile : {false, true}) {
    std::optional<process_pool> pool(std::in_place, 2U);
    auto results = pool->map(square, std::views::iota(0), {.window = 10}).results();
    std::jthread destroyer;
    int next = 0;
    auto at = results.begin();
    if (taken_meanwhile) {
      EXPECT_EQ(**at, square(next++));
      destroyer = std::jthread([&] { pool.reset(); });
    } else {
      pool.reset();
      EXPECT_EQ(**at, square(next++));
    }
    for (++at; at != results.end() && (*at).has_value(); ++at) EXPECT_EQ(**at, square(next++));
    EXPECT_GE(next, 10);
    ASSERT_NE(at, results.end());
    EXPECT_THROW(std::rethrow_exception((*at).error()), fanout::pool_closed);
    ++at;
    EXPECT_EQ(at, results.end());
  }
}

TEST_F(ProcessPoolPull, ThePoolsEndWaitsForAGetThatIsUnderWay) {
  std::optional<process_pool> pool(std::in_place, 2U);
  auto map = pool->map(square, plain_numbers(itself) | std::views::take(3000), {.window = 5});
  std::binary_semaphore begun(0);
  std::jthread getter([&] {
    begun.release();
    try {
      EXPECT_EQ(map.get(), squares(3000));
    } catch (const fanout::pool_closed&) {  // it came too late
    }
  });
  begun.acquire();
  pool.reset();
}

TEST_F(ProcessPoolPull, DrainRunsWhatWasPulled) {
  const tally ran(1);
  const std::vector inputs(200, noted{ran.path(), "", 5});
  process_pool pool(2U);
  static_cast<void>(pool.map(note, inputs, {.window = 3}));
  auto map = pool.map(square, std::views::iota(0), {.window = 10});
  EXPECT_TRUE(pool.shutdown());
  EXPECT_EQ(ran[0], 200U) << "what nobody takes is run to its end";
  int values = 0, errors = 0;
  for (auto&& item : map.results()) {
    if (item.has_value()) {
      EXPECT_EQ(*item, square(values++));
    } else {
      ++errors;
      EXPECT_THROW(std::rethrow_exception(item.error()), fanout::pool_closed);
    }
  }
  EXPECT_EQ(values, 10) << "what there was room for";
  EXPECT_EQ(errors, 1);
  EXPECT_THROW((void)pool.map(square, std::views::iota(0)), fanout::pool_closed);
  EXPECT_THROW((void)pool.map(square, {1, 2}, {.window = 1}), fanout::pool_closed);
}

TEST_F(ProcessPoolPull, ARangeThatBlocksHoldsUpADrainOnlyUntilItsDeadline) {
  std::binary_semaphore typed(0);
  process_pool pool(1U);
  auto results = pool.map(square, blocks_at_one(typed)).results();
  auto at = results.begin();
  EXPECT_EQ(**at, 0);
  EXPECT_FALSE(pool.shutdown(fanout::shutdown_mode::drain, 1ms));
  typed.release();
  ++at;
  EXPECT_THROW(std::rethrow_exception((*at).error()), fanout::pool_closed);
  ++at;
  EXPECT_TRUE(at == results.end());
}

TEST_F(ProcessPoolPull, ADrainThatWaitsForARangeMayBecomeHarsher) {
  std::binary_semaphore typed(0);
  process_pool pool(1U);
  auto results = pool.map(square, blocks_at_one(typed)).results();
  auto at = results.begin();
  EXPECT_EQ(**at, 0);
  std::jthread drains([&] { EXPECT_FALSE(pool.shutdown()); });
  EXPECT_TRUE(fanout_test::eventually([&] { return refuses_maps(pool); }));
  pool.shutdown(fanout::shutdown_mode::kill);
  drains.join();
  typed.release();
  ++at;
  EXPECT_THROW(std::rethrow_exception((*at).error()), fanout::pool_closed);
}

TEST_F(ProcessPoolPull, CancelPendingEndsAMapWithoutEnd) {
  for (const auto mode : {fanout::shutdown_mode::cancel_pending, fanout::shutdown_mode::kill}) {
    process_pool pool(2U);
    auto results =
        pool.map(square, std::views::iota(0) | std::views::transform([](int x) { return x % 100; })).results();
    int next = 0;
    bool closed = false;
    for (auto&& item : results) {
      if (next == 50) EXPECT_TRUE(pool.shutdown(mode));
      closed = !item.has_value();
      if (item.has_value()) EXPECT_EQ(*item, square(next % 100));
      ++next;
    }
    EXPECT_TRUE(closed) << "by its last result";
  }
}

TEST_F(ProcessPoolPull, OfABrokenPoolEachItemFails) {
  process_pool pool({.workers = 1, .worker_command = {"/bin/false"}});
  int failed = 0;
  for (auto&& item : pool.map(square, std::views::iota(0), {.window = 5}).results()) {
    EXPECT_THROW(std::rethrow_exception(item.error()), fanout::pool_broken);
    if (++failed == 50) break;
  }
  EXPECT_EQ(failed, 50);
}

}  // namespace
