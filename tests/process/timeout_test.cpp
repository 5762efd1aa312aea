// SPDX-License-Identifier: Apache-2.0
// A task that takes longer than it may is ended by force, and nobody else notices: T13, T14, T15.
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <numeric>
#include <string>
#include <thread>
#include <vector>

#include "fanout/errors.hpp"
#include "support.hpp"
#include "tasks.hpp"

namespace {

using namespace std::chrono_literals;
using fanout::process_pool;
using fanout::timed_out;
using fanout_test::event_file;
using fanout_test::square;
using fanout_test::tally;
using fanout_test::what_fails;

class ProcessPoolTimeout : public fanout_test::each_start_method {};
FANOUT_FOR_EACH_START_METHOD(ProcessPoolTimeout);

TEST_P(ProcessPoolTimeout, AStuckTaskFailsAlone) {  // T13
  process_pool pool(options(2));
  auto stuck = pool.submit({.timeout = 100ms}, fanout_test::hang);
  std::vector<fanout::future<int>> others;
  for (int i = 0; i < 100; ++i) others.push_back(pool.submit(square, i));
  for (int i = 0; i < 100; ++i) EXPECT_EQ(others[static_cast<std::size_t>(i)].get(), square(i));
  const std::string what = what_fails<timed_out>(stuck);
  EXPECT_NE(what.find("took longer than 100 ms"), std::string::npos) << what;
  EXPECT_TRUE(fanout_test::eventually([&] { return pool.stats().threads == 2; })) << "it was replaced";
  EXPECT_EQ(pool.stats().died, 1U);
  EXPECT_TRUE(fanout_test::still_works(pool));
}

TEST_P(ProcessPoolTimeout, KillsTheWorkerWithAllThatItStarted) {  // T13
  process_pool pool(options(1));
  const fanout_test::test_file told("pids");
  auto stuck = pool.submit(
      {.timeout = 100ms},
      [](std::string file) {
        const pid_t child = ::fork();
        if (child == 0) fanout_test::hang();
        std::ofstream(file) << ::getpid() << ' ' << child;
        fanout_test::hang();
      },
      told.path());
  EXPECT_THROW(stuck.get(), timed_out);
  pid_t worker = 0, grandchild = 0;
  std::ifstream(told.path()) >> worker >> grandchild;
  if (grandchild == 0) GTEST_SKIP() << "the machine had no time for the task to begin within its limit";
  EXPECT_TRUE(fanout_test::is_gone(worker));
  EXPECT_TRUE(fanout_test::is_gone(grandchild));
  EXPECT_TRUE(fanout_test::still_works(pool));
}

/// Quick but for one.
int hang_if(int i, bool hangs, const std::string& counters) {
  if (hangs) fanout_test::hang();
  if (!counters.empty()) tally::count(counters, static_cast<std::size_t>(i));
  return i;
}

TEST_P(ProcessPoolTimeout, WhatTheWorkerHadBesidesRunsElsewhere) {  // T13
  process_pool pool(options(1));
  const std::string nowhere;
  for (int i = 0; i < 50; ++i) EXPECT_EQ(pool.submit(hang_if, i, false, nowhere).get(), i);  // it is known to be quick
  constexpr int count = 20;
  const tally runs(count);
  auto stuck = pool.submit({.timeout = 200ms}, hang_if, 0, true, runs.path());
  std::vector<fanout::future<int>> sent_ahead;
  for (int i = 0; i < count; ++i) sent_ahead.push_back(pool.submit(hang_if, i, false, runs.path()));
  EXPECT_THROW(static_cast<void>(stuck.get()), timed_out);
  for (int i = 0; i < count; ++i) EXPECT_EQ(sent_ahead[static_cast<std::size_t>(i)].get(), i);
  for (std::size_t i = 0; i < runs.size(); ++i) EXPECT_EQ(runs[i], 1U) << i;
}

void block_all_signals() {
  sigset_t all;
  sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, nullptr);
  fanout_test::hang();
}
void ignore_all_signals() {
  for (int signal = 1; signal < NSIG; ++signal) ::signal(signal, SIG_IGN);
  fanout_test::hang();
}
void compute() {
  for (volatile bool on = true; on;) {
  }
}
/// As good as never comes out of malloc: what interrupts it there does not return.
void hang_inside_malloc() {
  std::thread([] { fanout_test::hang(); }).detach();  // with which malloc takes locks
  ::signal(SIGALRM, [](int) { compute(); });
  ::ualarm(1000, 0);
  for (std::size_t size = 1; size != 0; size = size % 100'000 + 1) {
    void* volatile block = std::malloc(size);
    std::free(block);
  }
}

TEST_P(ProcessPoolTimeout, NothingThatATaskDoesPutsItOff) {  // T14
  process_pool pool(options(1));
  for (void (*const task)() : {block_all_signals, ignore_all_signals, compute, hang_inside_malloc}) {
    auto stuck = pool.submit({.timeout = 50ms}, task);
    EXPECT_THROW(stuck.get(), timed_out);
    EXPECT_TRUE(fanout_test::still_works(pool));
  }
}

TEST_P(ProcessPoolTimeout, InAChunkFailsOnlyTheItemsThatAreLate) {  // T15
  auto limited = options(2);
  limited.task_timeout = 500ms;
  process_pool pool(limited);
  std::vector<int> inputs(20);
  std::iota(inputs.begin(), inputs.end(), 0);
  const auto stop_at_5_and_6 = [](int i) { return hang_if(i, i == 5 || i == 6, ""); };
  int index = 0;
  for (auto&& outcome : pool.map(stop_at_5_and_6, inputs, {.chunk = 20}).results()) {
    if (index == 5 || index == 6) {
      ASSERT_FALSE(outcome.has_value());
      const auto error = fanout_test::thrown_by<timed_out>([&] { std::rethrow_exception(outcome.error()); });
      EXPECT_NE(std::string(error.what()).find("task " + std::to_string(index) + " of map"), std::string::npos)
          << error.what();
    } else {
      EXPECT_EQ(outcome.value(), index);
    }
    ++index;
  }
  EXPECT_EQ(index, 20);
  EXPECT_TRUE(fanout_test::still_works(pool));
}

TEST_P(ProcessPoolTimeout, OfATaskMayBeShorterThanThePools) {
  auto patient = options(1);
  patient.task_timeout = 1h;
  process_pool pool(patient);
  EXPECT_THROW(pool.submit({.timeout = 50ms}, fanout_test::hang).get(), timed_out);
}

TEST_P(ProcessPoolTimeout, ThatNoClockCanShowIsNone) {
  auto patient = options(1);
  patient.task_timeout = fanout::duration::max();
  process_pool pool(patient);
  EXPECT_TRUE(fanout_test::still_works(pool));
}

TEST_P(ProcessPoolTimeout, OfATaskMayBeLongerThanThePools) {
  auto strict = options(2);
  strict.task_timeout = 50ms;
  process_pool pool(strict);
  const event_file begun, let_go;
  auto slow = pool.submit({.timeout = 1h}, fanout_test::begin_and_wait, begun.path(), let_go.path());
  ASSERT_TRUE(begun.wait());
  EXPECT_THROW(pool.submit(fanout_test::hang).get(), timed_out);
  let_go.set();
  EXPECT_EQ(slow.get(), 1);
}

TEST_P(ProcessPoolTimeout, CountsOnlyWhileTheTaskRuns) {
  process_pool pool(options(1));
  const event_file begun, let_go;
  auto first = pool.submit(fanout_test::begin_and_wait, begun.path(), let_go.path());
  constexpr auto limit = 300ms;
  auto second = pool.submit({.timeout = limit}, square, 3);
  ASSERT_TRUE(begun.wait());
  EXPECT_FALSE(second.wait_for(limit + limit / 2));
  let_go.set();
  EXPECT_EQ(first.get(), 1);
  EXPECT_EQ(second.get(), 9);
  EXPECT_EQ(pool.stats().died, 0U);
}

TEST_P(ProcessPoolTimeout, ManyAtTheSameTimeAreAllNoticed) {
  auto limited = options(4);
  limited.task_timeout = 50ms;
  process_pool pool(limited);
  std::vector<fanout::future<void>> stuck;
  for (int i = 0; i < 12; ++i) stuck.push_back(pool.submit(fanout_test::hang));
  for (auto& each : stuck) EXPECT_THROW(each.get(), timed_out);
  EXPECT_EQ(pool.stats().died, 12U);
}

}  // namespace
