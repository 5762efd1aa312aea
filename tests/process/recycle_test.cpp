// SPDX-License-Identifier: Apache-2.0
// Workers that leave because they have done enough, have grown too large, or have nothing to do: T23, T25.
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <map>
#include <memory>
#include <set>
#include <vector>

#include "fanout/errors.hpp"
#include "support.hpp"
#include "support/sanitized.hpp"
#include "tasks.hpp"

namespace {

using namespace std::chrono_literals;
using fanout::process_pool;
using fanout_test::event_file;
using fanout_test::own_pid;

class ProcessPoolRecycling : public fanout_test::each_start_method {};
FANOUT_FOR_EACH_START_METHOD(ProcessPoolRecycling);

/// What tasks got whose results are the pids of their workers: each result counts one.
using usage = std::map<pid_t, unsigned>;

void expect_at_most(const usage& tasks_of, unsigned most, unsigned tasks) {
  unsigned all = 0;
  for (const auto& [pid, count] : tasks_of) {
    EXPECT_LE(count, most) << pid;
    all += count;
  }
  EXPECT_EQ(all, tasks);
  EXPECT_GE(tasks_of.size(), tasks / most);
}

pid_t own_pid_of(int) { return ::getpid(); }

TEST_P(ProcessPoolRecycling, AWorkerRunsNoMoreTasksThanItMay) {  // T23
  constexpr unsigned tasks = fanout_test::sanitized ? 12 : 40;
  for (unsigned workers = 1; workers <= 4; ++workers) {
    for (unsigned most = 1; most <= 3; ++most) {
      auto limited = options(workers);
      limited.max_tasks_per_worker = most;
      process_pool pool(limited);
      std::vector<fanout::future<pid_t>> pids;
      for (unsigned i = 0; i < tasks; ++i) pids.push_back(pool.submit(own_pid));
      usage tasks_of;
      for (auto& pid : pids) ++tasks_of[pid.get()];
      expect_at_most(tasks_of, most, tasks);
    }
  }
}

TEST_P(ProcessPoolRecycling, ItemsOfAMapCountAsTasks) {  // T23
  constexpr unsigned items = fanout_test::sanitized ? 20 : 60;
  auto limited = options(2);
  limited.max_tasks_per_worker = 5;
  process_pool pool(limited);
  for (const std::size_t chunk : {0, 1, 4, 30}) {
    usage tasks_of;
    for (const pid_t pid : pool.map(own_pid_of, std::vector<int>(items), {.chunk = chunk}).get()) ++tasks_of[pid];
    expect_at_most(tasks_of, 5, items);
  }
}

TEST_P(ProcessPoolRecycling, StrandsNothingWhenThePoolIsDropped) {  // T23
  constexpr int tasks = fanout_test::sanitized ? 10 : 30;
  for (const unsigned workers : {1U, 3U}) {
    auto limited = options(workers);
    limited.max_tasks_per_worker = 1;
    std::vector<fanout::future<pid_t>> pids;
    {
      process_pool pool(limited);
      for (int i = 0; i < tasks; ++i) pids.push_back(pool.submit(own_pid));
      pids.front().wait();
    }
    std::set<pid_t> distinct;
    for (auto& pid : pids) {
      ASSERT_TRUE(pid.ready());
      distinct.insert(pid.get());
    }
    EXPECT_EQ(distinct.size(), static_cast<std::size_t>(tasks));
  }
}

TEST_P(ProcessPoolRecycling, StrandsNothingWhenThePoolIsShutDownMidway) {  // T23
  constexpr int tasks = fanout_test::sanitized ? 10 : 30;
  for (const auto mode : {fanout::shutdown_mode::cancel_pending, fanout::shutdown_mode::kill}) {
    auto limited = options(2);
    limited.max_tasks_per_worker = 1;
    process_pool pool(limited);
    std::vector<fanout::future<pid_t>> pids;
    for (int i = 0; i < tasks; ++i) pids.push_back(pool.submit(own_pid));
    pids.front().wait();
    EXPECT_TRUE(pool.shutdown(mode));
    for (auto& pid : pids) {
      ASSERT_TRUE(pid.ready());
      try {
        EXPECT_GT(pid.get(), 0);
      } catch (const fanout::cancelled&) {
        EXPECT_EQ(mode, fanout::shutdown_mode::cancel_pending);
      } catch (const fanout::pool_closed&) {
        EXPECT_EQ(mode, fanout::shutdown_mode::kill);
      }
    }
  }
}

TEST_P(ProcessPoolRecycling, OfAWorkerFlushesWhatItPrinted) {  // T32
  const fanout_test::test_file printed("printed");
  auto limited = options(1);
  limited.max_tasks_per_worker = 1;
  {
    process_pool pool(limited);
    const auto print = [](const std::string& file) {
      static std::FILE* const out = std::fopen(file.c_str(), "a");
      std::fputs("abc", out);
    };
    for (int i = 0; i < 3; ++i) pool.submit(print, printed.path()).get();
  }
  EXPECT_EQ(printed.text(), "abcabcabc");
}

/// Bytes of this process that are resident.
std::size_t resident() {
  std::ifstream statm("/proc/self/statm");
  std::size_t size = 0, pages = 0;
  statm >> size >> pages;
  return pages * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

constexpr std::size_t leak = std::size_t{10} << 20;

struct leaked {
  pid_t pid;
  std::size_t resident;
};
leaked leak_memory() {
  static std::vector<std::unique_ptr<char[]>> kept;
  kept.push_back(std::make_unique_for_overwrite<char[]>(leak));
  std::memset(kept.back().get(), 1, leak);
  return {::getpid(), resident()};
}

TEST_P(ProcessPoolRecycling, AWorkerThatLeaksIsReplaced) {  // T25
  std::size_t at_first = 0;
  {
    process_pool pool(options(1));
    at_first = pool.submit(resident).get();
  }
  auto limited = options(2);
  limited.recycle_above = at_first + 5 * leak;
  process_pool pool(limited);
  std::vector<fanout::future<leaked>> tasks;
  for (int i = 0; i < 40; ++i) tasks.push_back(pool.submit(leak_memory));
  usage tasks_of;
  for (auto& task : tasks) {
    const auto [pid, bytes] = task.get();
    ++tasks_of[pid];
    EXPECT_LT(bytes, limited.recycle_above + 3 * leak);
  }
  EXPECT_GE(tasks_of.size(), 40U / 8);
  EXPECT_EQ(pool.stats().died, 0U);
}

TEST_P(ProcessPoolRecycling, WorkersThatHaveNothingToDoLeaveAndOthersCome) {
  auto shrinking = options(3);
  shrinking.idle_timeout = 10ms;
  process_pool pool(shrinking);
  pid_t before = 0;
  for (int i = 0; i < 3; ++i) {
    const pid_t now = pool.submit(own_pid).get();
    EXPECT_NE(now, before);
    before = now;
    EXPECT_TRUE(fanout_test::eventually([&] { return pool.stats().threads == 0; })) << "they leave";
    EXPECT_TRUE(fanout_test::is_gone(now));
  }
  EXPECT_TRUE(fanout_test::still_works(pool));
}

TEST_P(ProcessPoolRecycling, NoWorkIsLostBetweenOneThatLeavesAndOneThatComes) {
  auto shrinking = options(2);
  shrinking.idle_timeout = 1us;  // they are always about to leave
  process_pool pool(shrinking);
  for (int i = 0; i < (fanout_test::sanitized ? 20 : 100); ++i)
    EXPECT_EQ(pool.submit(fanout_test::square, i).get(), i * i);
}

TEST_P(ProcessPoolRecycling, MoreWorkersThanThereIsWorkForDoNotCome) {
  auto shrinking = options(4);
  shrinking.idle_timeout = 1h;
  process_pool pool(shrinking);
  EXPECT_EQ(pool.stats().threads, 0U);
  for (int i = 0; i < 10; ++i) EXPECT_EQ(pool.submit(fanout_test::square, i).get(), i * i);
  EXPECT_EQ(pool.stats().threads, 1U);
}

}  // namespace
