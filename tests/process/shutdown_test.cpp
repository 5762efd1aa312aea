// SPDX-License-Identifier: Apache-2.0
// How a pool is brought to its end: T36.
#include <chrono>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "fanout/errors.hpp"
#include "fanout/shutdown.hpp"
#include "support.hpp"
#include "tasks.hpp"

namespace {

using namespace std::chrono_literals;
using fanout::cancelled;
using fanout::pool_closed;
using fanout::process_pool;
using fanout::shutdown_mode;
using fanout_test::event_file;
using fanout_test::square;

constexpr int queued_tasks = 100;

/// A pool with one worker, one task that runs, and many that wait for it to end.
class ProcessPoolShutdown : public fanout_test::each_start_method {
 protected:
  void SetUp() override {
    each_start_method::SetUp();
    begun_.emplace();
    let_go_.emplace();
    pool_.emplace(options(1));
    running_ = pool_->submit(fanout_test::begin_and_wait, begun_->path(), let_go_->path());
    for (int i = 0; i < queued_tasks; ++i) queued_.push_back(pool_->submit(square, i));
    ASSERT_TRUE(begun_->wait());
  }
  void TearDown() override {
    EXPECT_THROW(static_cast<void>(pool_->submit(square, 1)), pool_closed);
    EXPECT_THROW(static_cast<void>(pool_->map(square, {1, 2})), pool_closed);
    EXPECT_TRUE(fanout_test::children_of("self").empty()) << "the workers ended too";
    pool_.reset();
    let_go_.reset();
    begun_.reset();
    each_start_method::TearDown();
  }

  template <class Error>
  void expect_queued_to_fail() {
    for (auto& each : queued_) EXPECT_THROW(static_cast<void>(each.get()), Error);
  }

  std::optional<event_file> begun_, let_go_;
  std::optional<process_pool> pool_;
  fanout::future<int> running_;
  std::vector<fanout::future<int>> queued_;
};
FANOUT_FOR_EACH_START_METHOD(ProcessPoolShutdown);

TEST_P(ProcessPoolShutdown, DrainRunsEverything) {  // T36
  const std::jthread opener([this] { let_go_->set(); });
  EXPECT_TRUE(pool_->shutdown(shutdown_mode::drain));
  EXPECT_TRUE(running_.ready());
  EXPECT_EQ(running_.get(), 1);
  for (int i = 0; i < queued_tasks; ++i) EXPECT_EQ(queued_[static_cast<std::size_t>(i)].get(), square(i));
}

TEST_P(ProcessPoolShutdown, CancelPendingEndsOnlyWhatHasBegun) {  // T36
  {
    const std::jthread opener([this] {
      queued_.back().wait();  // which is cancelled while the first one still runs
      EXPECT_FALSE(running_.ready());
      let_go_->set();
    });
    EXPECT_TRUE(pool_->shutdown(shutdown_mode::cancel_pending));
  }
  EXPECT_EQ(running_.get(), 1);
  expect_queued_to_fail<cancelled>();
}

TEST_P(ProcessPoolShutdown, KillEndsEverything) {  // T36
  EXPECT_TRUE(pool_->shutdown(shutdown_mode::kill));
  EXPECT_THROW(static_cast<void>(running_.get()), pool_closed);
  expect_queued_to_fail<pool_closed>();
}

TEST_P(ProcessPoolShutdown, WhatIsLeftAtTheDeadlineIsKilled) {  // T36
  EXPECT_FALSE(pool_->shutdown(shutdown_mode::drain, 50ms));
  EXPECT_THROW(static_cast<void>(running_.get()), pool_closed);
  expect_queued_to_fail<pool_closed>();
}

TEST_P(ProcessPoolShutdown, SoItIsWhenOnlyWhatHasBegunWasToEnd) {
  EXPECT_FALSE(pool_->shutdown(shutdown_mode::cancel_pending, 50ms));
  EXPECT_THROW(static_cast<void>(running_.get()), pool_closed);
  expect_queued_to_fail<cancelled>();
}

TEST_P(ProcessPoolShutdown, MayHaveNoTimeAtAll) {
  EXPECT_FALSE(pool_->shutdown(shutdown_mode::drain, 0s));
  EXPECT_THROW(static_cast<void>(running_.get()), pool_closed);
  expect_queued_to_fail<pool_closed>();
}

TEST_P(ProcessPoolShutdown, MayBecomeHarsherWhileSomebodyWaits) {
  std::jthread waits([this] { EXPECT_TRUE(pool_->shutdown(shutdown_mode::drain)); });
  auto more = fanout_test::submit_until_closed(*pool_);
  EXPECT_TRUE(pool_->shutdown(shutdown_mode::kill));
  waits.join();
  EXPECT_THROW(static_cast<void>(running_.get()), pool_closed);
  expect_queued_to_fail<pool_closed>();
  for (auto& each : more) EXPECT_THROW(static_cast<void>(each.get()), pool_closed);
}

TEST_P(ProcessPoolShutdown, NeverBecomesMilder) {
  EXPECT_TRUE(pool_->shutdown(shutdown_mode::kill));
  EXPECT_TRUE(pool_->shutdown(shutdown_mode::drain));
  EXPECT_TRUE(pool_->shutdown(shutdown_mode::cancel_pending, 0s));
  EXPECT_THROW(static_cast<void>(running_.get()), pool_closed);
  expect_queued_to_fail<pool_closed>();
}

/// Pools with other things to do.
class ProcessPoolEnd : public fanout_test::each_start_method {};
FANOUT_FOR_EACH_START_METHOD(ProcessPoolEnd);

TEST_P(ProcessPoolEnd, OfAnIdlePoolIsInTimeHoweverItComes) {
  for (const auto mode : {shutdown_mode::drain, shutdown_mode::cancel_pending, shutdown_mode::kill}) {
    process_pool pool(options(2));
    EXPECT_TRUE(fanout_test::still_works(pool));
    EXPECT_TRUE(pool.shutdown(mode, 1h));
  }
}

TEST_P(ProcessPoolEnd, MayComeWhileWorkersStart) {
  for (const auto mode : {shutdown_mode::drain, shutdown_mode::cancel_pending, shutdown_mode::kill}) {
    process_pool pool(options(3));
    auto first = pool.submit(square, 3);
    EXPECT_TRUE(pool.shutdown(mode));
    try {
      EXPECT_EQ(first.get(), 9);
    } catch (const cancelled&) {
      EXPECT_EQ(mode, shutdown_mode::cancel_pending) << "it had not begun";
    } catch (const pool_closed&) {
      EXPECT_EQ(mode, shutdown_mode::kill) << "it had not ended";
    }
  }
}

/// An item of a map; the one with a path waits.
struct item {
  int number;
  std::string begun, let_go;
};
int wait_at_one(const item& i) {
  if (!i.begun.empty()) fanout_test::begin_and_wait(i.begun, i.let_go);
  return i.number;
}

TEST_P(ProcessPoolEnd, CutsAChunkAfterTheItemThatRuns) {  // T36
  const event_file begun, let_go;
  process_pool pool(options(1));
  std::vector<item> items(20);
  for (int i = 0; i < 20; ++i) items[static_cast<std::size_t>(i)].number = i;
  items[5] = {5, begun.path(), let_go.path()};
  auto map = pool.map(wait_at_one, items, {.chunk = 20, .ordered = false});
  ASSERT_TRUE(begun.wait());
  const std::jthread closer([&] { EXPECT_TRUE(pool.shutdown(shutdown_mode::cancel_pending)); });
  std::vector<int> done;
  int ended = 0;
  for (auto&& outcome : map.results()) {
    if (outcome.has_value()) {
      done.push_back(*outcome);
    } else {
      EXPECT_THROW(std::rethrow_exception(outcome.error()), cancelled);
    }
    if (++ended == 19) let_go.set();  // all others have
  }
  EXPECT_EQ(ended, 20);
  EXPECT_EQ(done, (std::vector{0, 1, 2, 3, 4, 5}));
}

TEST_P(ProcessPoolEnd, BySomeoneElsesThreadWakesWhoWaits) {
  process_pool pool(options(1));
  auto stuck = pool.submit(fanout_test::hang);
  const std::jthread closer([&] { EXPECT_TRUE(pool.shutdown(shutdown_mode::kill)); });
  EXPECT_THROW(stuck.get(), pool_closed);
}

TEST_P(ProcessPoolEnd, LeavesOtherPoolsAlone) {
  process_pool one(options(1));
  process_pool other({.workers = 1});
  auto stuck = one.submit(fanout_test::hang);
  EXPECT_TRUE(one.shutdown(shutdown_mode::kill));
  EXPECT_THROW(stuck.get(), pool_closed);
  EXPECT_TRUE(fanout_test::still_works(other));
}

}  // namespace
