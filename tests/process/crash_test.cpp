// SPDX-License-Identifier: Apache-2.0
// A task that ends its worker fails alone: the fault cases T01 to T06 of notes/process-pools.md, and the nanny's death.
#include <pthread.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <map>
#include <numeric>
#include <thread>

#include "fanout/errors.hpp"
#include "support.hpp"
#include "support/sanitized.hpp"

namespace {

using fanout::process_pool;
using fanout::worker_died;

int square(int x) { return x * x; }

class ProcessPoolCrash : public fanout_test::each_start_method {};
FANOUT_FOR_EACH_START_METHOD(ProcessPoolCrash);

__attribute__((noinline, no_sanitize("undefined", "address", "thread"))) void write_to_nowhere() {
  *reinterpret_cast<volatile int*>(std::uintptr_t{0}) = 1;
}

__attribute__((no_sanitize("undefined"))) int overflow_the_stack(int depth) {
  volatile char frame[4096];
  frame[0] = static_cast<char>(depth);
  return depth == -1 ? 0 : overflow_the_stack(depth + 1) + frame[0];
}

TEST_P(ProcessPoolCrash, CrashedTaskFailsAlone) {  // T01
  process_pool pool(options(2));
  std::vector<int> inputs(100);
  std::iota(inputs.begin(), inputs.end(), 0);
  int index = 0;
  for (auto&& outcome : pool.map(
                                [](int i) {
                                  if (i == 37) write_to_nowhere();
                                  return square(i);
                                },
                                inputs)
                            .results()) {
    if (index == 37) {
      ASSERT_FALSE(outcome.has_value());
      const auto error =
          fanout_test::thrown_by<worker_died>([&] { std::rethrow_exception(std::move(outcome).error()); });
      EXPECT_EQ(error.signal(), SIGSEGV);
      EXPECT_GT(error.pid(), 0);
      const std::string what = error.what();
      const std::string who = "worker " + std::to_string(error.pid()) + " died: SIGSEGV";
      EXPECT_TRUE(what.starts_with(who)) << what;
      EXPECT_TRUE(what.ends_with(" in task 37 of map")) << what;
      if (fanout_test::crashes_are_recorded) {
        EXPECT_NE(what.find(" at address 0x0 in "), std::string::npos) << what;
        EXPECT_NE(what.find("write_to_nowhere"), std::string::npos) << what;
      }
    } else {
      ASSERT_TRUE(outcome.has_value()) << index;
      EXPECT_EQ(*outcome, square(index));
    }
    ++index;
  }
  EXPECT_EQ(index, 100);
  EXPECT_EQ(pool.submit(square, 3).get(), 9);
}

TEST_P(ProcessPoolCrash, EverySignalIsNamed) {  // T02, T04
  process_pool pool(options(1));
  const auto signal_of = [&](void (*task)()) {
    return fanout_test::thrown_by<worker_died>([&] { pool.submit(task).get(); }).signal();
  };
  EXPECT_EQ(signal_of([] { std::abort(); }), SIGABRT);
  EXPECT_EQ(signal_of([] { ::raise(SIGFPE); }), SIGFPE);
  EXPECT_EQ(signal_of([] { ::raise(SIGILL); }), SIGILL);
  EXPECT_EQ(signal_of([] { ::raise(SIGTRAP); }), SIGTRAP);
  EXPECT_EQ(signal_of([] { ::raise(SIGBUS); }), SIGBUS);
  EXPECT_EQ(signal_of([] { ::raise(SIGTERM); }), SIGTERM);
  const auto overflown = fanout_test::thrown_by<worker_died>([&] { pool.submit([] { overflow_the_stack(0); }).get(); });
  EXPECT_EQ(overflown.signal(), SIGSEGV);
  if (fanout_test::crashes_are_recorded)
    EXPECT_NE(std::string(overflown.what()).find("stack overflow in "), std::string::npos) << overflown.what();
  const auto killed = fanout_test::thrown_by<worker_died>([&] { pool.submit([] { ::raise(SIGKILL); }).get(); });
  EXPECT_EQ(killed.signal(), SIGKILL);
  EXPECT_NE(std::string(killed.what()).find("not sent by the pool"), std::string::npos);
  EXPECT_EQ(pool.submit(square, 2).get(), 4);
}

TEST_P(ProcessPoolCrash, CrashesInsideAChunkCostOnlyTheirItems) {  // T03
  process_pool pool(options(2));
  constexpr std::size_t count = 200;
  const std::string runs = ::testing::TempDir() + "fanout_runs_" + std::to_string(::getpid());
  std::ofstream(runs) << std::string(count, '\0');
  std::vector<std::size_t> inputs(count);
  std::iota(inputs.begin(), inputs.end(), 0U);
  struct job {
    std::string file;
    std::size_t index;
  };
  std::vector<job> jobs;
  for (const auto i : inputs) jobs.push_back({runs, i});
  std::size_t index = 0, failed = 0;
  for (auto&& outcome : pool.map(
                                [](const job& j) {
                                  std::fstream file(j.file, std::ios::in | std::ios::out);
                                  file.seekg(static_cast<std::streamoff>(j.index));
                                  const char before = static_cast<char>(file.get());
                                  file.seekp(static_cast<std::streamoff>(j.index));
                                  file.put(static_cast<char>(before + 1));
                                  file.close();
                                  if (j.index == 10 || j.index == 60) ::raise(SIGSEGV);
                                  return j.index;
                                },
                                jobs, {.chunk = 50})
                            .results()) {
    if (outcome.has_value()) {
      EXPECT_EQ(*outcome, index);
    } else {
      EXPECT_TRUE(index == 10 || index == 60) << index;
      ++failed;
    }
    ++index;
  }
  EXPECT_EQ(failed, 2U);
  std::ifstream file(runs);
  const std::string counts((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  EXPECT_EQ(counts, std::string(count, '\1')) << "every item ran exactly once";
  std::filesystem::remove(runs);
}

int slow_square(int i) {
  std::this_thread::sleep_for(std::chrono::microseconds(100));
  return square(i);
}

void kill_oldest_worker() {
  const auto all = fanout_test::descendants_of(::getpid());  // the nanny, then the workers, the oldest first
  if (all.size() > 1) ::kill(all[1], SIGKILL);
}

TEST_P(ProcessPoolCrash, RandomlyKilledWorkersLoseNoTask) {  // T05
  process_pool pool(options(2));
  std::vector<int> inputs(2000);
  std::iota(inputs.begin(), inputs.end(), 0);
  int died = 0;
  while (died == 0) {  // again if all was done before this thread got to kill anybody
    int ended = 0;
    for (auto&& outcome : pool.map(slow_square, inputs, {.chunk = 10}).results()) {
      if (ended % 100 == 50) kill_oldest_worker();
      if (outcome.has_value()) {
        EXPECT_EQ(*outcome, square(ended));
      } else {
        const auto error =
            fanout_test::thrown_by<worker_died>([&] { std::rethrow_exception(std::move(outcome).error()); });
        EXPECT_EQ(error.signal(), SIGKILL);
        ++died;
      }
      ++ended;
    }
    EXPECT_EQ(ended, 2000);
  }
  EXPECT_LE(died, 20) << "no more than were killed";
}

TEST_P(ProcessPoolCrash, ATaskHandedToADeadWorkerRunsElsewhere) {
  process_pool pool(options(1));
  for (int i = 0; i < 20; ++i) {
    ::kill(pool.submit([] { return ::getpid(); }).get(), SIGKILL);
    EXPECT_EQ(pool.submit(square, i).get(), square(i));  // the pool may not know of the death yet
  }
}

TEST_P(ProcessPoolCrash, TasksThatExitReportTheirCode) {  // T06
  process_pool pool(options(1));
  const auto code_of = [&](void (*task)()) {
    const auto error = fanout_test::thrown_by<worker_died>([&] { pool.submit(task).get(); });
    EXPECT_EQ(error.signal(), 0);
    return error.exit_code();
  };
  EXPECT_EQ(code_of([] { ::exit(3); }), 3);
  EXPECT_EQ(code_of([] { ::_exit(3); }), 3);
  EXPECT_EQ(code_of([] { std::quick_exit(3); }), 3);
  EXPECT_EQ(code_of([] { ::pthread_exit(nullptr); }), 0);
  const auto error = fanout_test::thrown_by<worker_died>([&] { pool.submit([] { ::_exit(4); }).get(); });
  EXPECT_EQ(std::string(error.what()), "worker " + std::to_string(error.pid()) + " exited with code 4 in its task");
}

TEST_P(ProcessPoolCrash, CrashesOfTasksNeverBreakThePool) {
  process_pool pool(options(2));
  for (int i = 0; i < 50; ++i) EXPECT_THROW(pool.submit([] { ::_exit(1); }).get(), worker_died);
  EXPECT_EQ(pool.submit(square, 4).get(), 16);
}

TEST_P(ProcessPoolCrash, AKilledNannyIsReplacedUnlessItWasAForkOfTheProgram) {
  process_pool pool(options(2));
  const pid_t nanny = pool.submit([] { return ::getppid(); }).get();
  const std::string told = ::testing::TempDir() + "fanout_stuck_" + std::to_string(::getpid());
  auto stuck = pool.submit(
      [](std::string path) {
        std::ofstream(path) << "begun";
        for (;;) ::pause();
      },
      told);
  EXPECT_TRUE(fanout_test::eventually([&] { return std::filesystem::exists(told); }));
  std::filesystem::remove(told);
  ::kill(nanny, SIGKILL);
  const auto error = fanout_test::thrown_by<worker_died>([&] { stuck.get(); });
  EXPECT_EQ(error.signal(), SIGKILL);
  auto next = pool.submit([] { return ::getppid(); });
  if (GetParam() != fanout::start_method::fork) {
    EXPECT_NE(next.get(), nanny);
  } else {  // another copy of the program cannot be made: it has threads by now
    EXPECT_THROW(next.get(), fanout::pool_broken);
  }
}

TEST_P(ProcessPoolCrash, GrandchildrenEndWithTheirWorker) {
  process_pool pool(options(1));
  const std::string told = ::testing::TempDir() + "fanout_grandchild_" + std::to_string(::getpid());
  EXPECT_THROW(pool.submit(
                       [](std::string path) {
                         const pid_t child = ::fork();
                         if (child == 0) {
                           ::setsid();  // out of the worker's group too
                           for (;;) ::pause();
                         }
                         std::ofstream(path) << child;
                         ::raise(SIGKILL);
                       },
                       told)
                   .get(),
               worker_died);
  pid_t grandchild = 0;
  std::ifstream(told) >> grandchild;
  ASSERT_GT(grandchild, 0);
  EXPECT_TRUE(fanout_test::eventually([&] { return !fanout_test::runs(grandchild); }));
  std::filesystem::remove(told);
}

}  // namespace
