// SPDX-License-Identifier: Apache-2.0
// An error of the supervisor's own: no future is left waiting for it. T37.
#include <new>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "fanout/errors.hpp"
#include "process/supervisor.hpp"
#include "support.hpp"
#include "tasks.hpp"

namespace {

using fanout::pool_broken;
using fanout::process_pool;
using fanout::detail::supervisor;
using fanout_test::event_file;
using fanout_test::square;
using fanout_test::what_fails;

/// The next turn fails, and there is one.
void fail_a_turn() {
  supervisor::fail_next_turn_by([] { throw std::bad_alloc(); });
  supervisor::get()->notify();
}

class ProcessPoolSupervisor : public fanout_test::each_start_method {};
FANOUT_FOR_EACH_START_METHOD(ProcessPoolSupervisor);

TEST_P(ProcessPoolSupervisor, ThatFailsEndsEveryTaskWithTheCause) {  // T37
  process_pool pool(options(1));
  const event_file begun;
  auto running = pool.submit(fanout_test::begin_and_hang, begun.path());
  ASSERT_TRUE(begun.wait());
  std::vector<fanout::future<int>> queued;
  for (int i = 0; i < 10; ++i) queued.push_back(pool.submit(square, i));
  auto map = pool.map(square, {1, 2, 3});
  fail_a_turn();
  const std::string what = what_fails<pool_broken>(running);
  EXPECT_NE(what.find(std::bad_alloc().what()), std::string::npos) << what;
  for (auto& each : queued) EXPECT_EQ(what_fails<pool_broken>(each), what);
  for (auto&& outcome : map.results()) EXPECT_THROW(std::rethrow_exception(outcome.error()), pool_broken);
  EXPECT_TRUE(fanout_test::still_works(pool)) << "it was one turn";
}

TEST_P(ProcessPoolSupervisor, ThatFailsTimeAndAgainLeavesNobodyWaiting) {  // T37
  process_pool pool(options(2));
  int ended = 0;
  for (int i = 0; i < 50; ++i) {
    auto task = pool.submit(square, i);
    fail_a_turn();
    try {
      EXPECT_EQ(task.get(), square(i));
    } catch (const pool_broken&) {
    }
    ++ended;
  }
  EXPECT_EQ(ended, 50);
  EXPECT_TRUE(fanout_test::still_works(pool));
}

TEST_P(ProcessPoolSupervisor, ThatFailsDoesNotKeepAPoolFromEnding) {  // T37
  std::vector<fanout::future<int>> tasks;
  {
    process_pool pool(options(2));
    for (int i = 0; i < 10; ++i) tasks.push_back(pool.submit(square, i));
    fail_a_turn();
  }
  for (auto& task : tasks) EXPECT_TRUE(task.ready());
  fanout_test::look_at(std::move(tasks));
}

TEST_P(ProcessPoolSupervisor, ThatFailsWhileAPoolEndsDoesNotKeepItFromThat) {  // T37
  process_pool pool(options(1));
  const event_file begun;
  auto running = pool.submit(fanout_test::begin_and_hang, begun.path());
  ASSERT_TRUE(begun.wait());
  std::jthread closer([&] { EXPECT_TRUE(pool.shutdown()); });
  auto queued = fanout_test::submit_until_closed(pool);
  fail_a_turn();
  EXPECT_THROW(running.get(), pool_broken);
  closer.join();
  fanout_test::look_at(std::move(queued));
}

TEST_P(ProcessPoolSupervisor, ThatFailsFailsAllPoolsAlike) {  // T37
  process_pool one(options(1));
  process_pool other({.workers = 1});
  const event_file begun[2];
  auto of_one = one.submit(fanout_test::begin_and_hang, begun[0].path());
  auto of_other = other.submit(fanout_test::begin_and_hang, begun[1].path());
  ASSERT_TRUE(begun[0].wait() && begun[1].wait());
  fail_a_turn();
  EXPECT_THROW(of_one.get(), pool_broken);
  EXPECT_THROW(of_other.get(), pool_broken);
  EXPECT_TRUE(fanout_test::still_works(one));
  EXPECT_TRUE(fanout_test::still_works(other));
}

}  // namespace
