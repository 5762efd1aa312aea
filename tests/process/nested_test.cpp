// SPDX-License-Identifier: Apache-2.0
// Pools within the tasks of pools: T35.
#include <algorithm>
#include <csignal>
#include <string>
#include <utility>
#include <vector>

#include "fanout/errors.hpp"
#include "helper_program.hpp"
#include "support.hpp"
#include "support/sanitized.hpp"
#include "tasks.hpp"

namespace {

using fanout::process_pool;
using fanout::start_method;
using fanout_test::event_file;

class ProcessPoolNesting : public fanout_test::each_start_method {};
FANOUT_FOR_EACH_START_METHOD(ProcessPoolNesting);

/// How many pools there can be, each in a task of the one before, and why there are no more.
std::pair<int, std::string> go_down(start_method start) {
  try {
    process_pool pool({.workers = 1, .start = start});
    auto below = pool.submit(go_down, start).get();
    return {below.first + 1, below.second};
  } catch (const fanout::error& refused) {
    return {0, refused.what()};
  }
}

TEST_P(ProcessPoolNesting, HasALimit) {  // T35
  const auto [depth, why] = go_down(GetParam());
  EXPECT_EQ(depth, 4);
  EXPECT_NE(why.find("4 deep: that is the limit"), std::string::npos) << why;
}

int sum_of_squares(int n, start_method start) {
  process_pool pool({.workers = 2, .start = start});
  const auto squares = pool.map(fanout_test::square, std::vector{n, n + 1}).get();
  return squares[0] + squares[1];
}

TEST_P(ProcessPoolNesting, GivesEachTaskAPoolOfItsOwn) {  // T35
  auto plan = options(2);
  // Where each pool needs a process without other threads: that of the first may leave ThreadSanitizer's behind.
  if (fanout_test::thread_sanitized && GetParam() == start_method::fork) plan.max_tasks_per_worker = 1;
  process_pool pool(plan);
  std::vector<fanout::future<int>> sums;
  for (int n = 0; n < 4; ++n) sums.push_back(pool.submit(sum_of_squares, n, GetParam()));
  for (int n = 0; n < 4; ++n) EXPECT_EQ(sums[static_cast<std::size_t>(n)].get(), n * n + (n + 1) * (n + 1));
}

/// Dies in a pool within this task.
int die_below(start_method start) {
  process_pool pool({.workers = 1, .start = start});
  return pool.submit([] { return ::raise(SIGSEGV); }).get();
}

TEST_P(ProcessPoolNesting, AWorkerThatDiesFailsTheTaskThatWaitedForIt) {  // T35
  process_pool pool(options(1));
  const auto error =
      fanout_test::thrown_by<fanout::worker_died>([&] { static_cast<void>(pool.submit(die_below, GetParam()).get()); });
  EXPECT_EQ(error.signal(), SIGSEGV);
  EXPECT_EQ(pool.stats().died, 0U) << "of its own workers nobody did";
  EXPECT_TRUE(fanout_test::still_works(pool));
}

void hang_below(start_method start, const std::string& begun) {
  process_pool pool({.workers = 2, .start = start});
  pool.submit(fanout_test::begin_and_hang, begun).get();
}

TEST_P(ProcessPoolNesting, AWorkerThatDiesTakesItsOwnPoolWithIt) {  // T35
  process_pool pool(options(1));
  const pid_t worker = pool.submit(fanout_test::own_pid).get();
  const event_file begun;
  auto outer = pool.submit(hang_below, GetParam(), begun.path());
  ASSERT_TRUE(begun.wait());
  const auto below = fanout_test::descendants_of(worker);
  EXPECT_GE(below.size(), 2U) << "a nanny and a worker at least";
  ::kill(worker, SIGKILL);
  EXPECT_THROW(outer.get(), fanout::worker_died);
  for (const pid_t pid : below) EXPECT_TRUE(fanout_test::is_gone(pid));
  EXPECT_TRUE(fanout_test::still_works(pool));
}

TEST_P(ProcessPoolNesting, OfAKilledProgramLeavesNothing) {  // T35
  const event_file begun;
  const fanout_test::helper program("nested", fanout_test::start_method_name({GetParam(), 0}), begun.path());
  ASSERT_TRUE(begun.wait());
  // The program, and at each of three depths a nanny and its worker.
  EXPECT_EQ(program.family().size(), 1U + 3 * 2);
  program.kill();
  program.wait();
  EXPECT_TRUE(program.leaves_nothing());
}

}  // namespace
