// SPDX-License-Identifier: Apache-2.0
// What a process pool does when nothing goes wrong. What every pool does is in pool_suite_test.cpp.
#include "fanout/process_pool.hpp"

#include <unistd.h>

#include <chrono>
#include <csignal>
#include <string>
#include <vector>

#include "support.hpp"

namespace {

using namespace std::chrono_literals;
using fanout::process_pool;

int square(int x) { return x * x; }
int twice(int x) noexcept { return 2 * x; }

struct account {
  long cents = 0;
  long balance() const { return cents; }
  long after(long deposit) const { return cents + deposit; }
};

class ProcessPool : public fanout_test::each_start_method {};
FANOUT_FOR_EACH_START_METHOD(ProcessPool);

TEST_P(ProcessPool, RunsAFunctionInAnotherProcess) {
  process_pool pool(options(2));
  EXPECT_EQ(pool.workers(), 2U);
  EXPECT_EQ(pool.submit(square, 7).get(), 49);
  EXPECT_NE(pool.submit([] { return ::getpid(); }).get(), ::getpid());
}

TEST_P(ProcessPool, RunsWhateverHasNoState) {
  process_pool pool(options(1));
  int (*chosen_at_run_time)(int) noexcept = &twice;
  EXPECT_EQ(pool.submit(chosen_at_run_time, 4).get(), 8);
  EXPECT_EQ(pool.submit(std::plus<>(), 1, 2).get(), 3);
  EXPECT_EQ(pool.submit([](int a, int b) { return a - b; }, 5, 3).get(), 2);
  EXPECT_EQ(pool.submit(fanout::fn<&square>, 3).get(), 9);
  EXPECT_EQ(pool.submit(fanout::fn<&account::balance>, account{250}).get(), 250);
  EXPECT_EQ(pool.submit(fanout::fn<&account::after>, account{250}, 50).get(), 300);
  pool.submit([] {}).get();
}

TEST_P(ProcessPool, WorkersRunAtTheSameTime) {
  process_pool pool(options(2));
  // Each waits for the other: they share a file that each writes its name to.
  const std::string file = ::testing::TempDir() + "fanout_meet_" + std::to_string(::getpid());
  const auto meet = [](std::string path, char me, char other) {
    std::ofstream(path + me) << me;
    return fanout_test::eventually([&] { return std::filesystem::exists(path + other); });
  };
  auto a = pool.submit(meet, file, 'a', 'b');
  auto b = pool.submit(meet, file, 'b', 'a');
  EXPECT_TRUE(a.get());
  EXPECT_TRUE(b.get());
  std::filesystem::remove(file + 'a');
  std::filesystem::remove(file + 'b');
}

TEST_P(ProcessPool, AnUnusedPoolEndsAtOnce) {
  for (int i = 0; i < 5; ++i) process_pool pool(options(2));
}

TEST_P(ProcessPool, HasItsNannyInCommonWithOthers) {
  process_pool a(options(1));
  process_pool b({.workers = 1, .start = fanout::start_method::spawn});
  const auto parent = [] { return ::getppid(); };
  const bool shared = GetParam() != fanout::start_method::fork;  // which is a copy of the program at that time
  EXPECT_EQ(a.submit(parent).get() == b.submit(parent).get(), shared);
  EXPECT_EQ(fanout_test::children_of("self").size(), shared ? 1U : 2U);
}

TEST_P(ProcessPool, ARunningTaskIsCancelledOnlyByForce) {
  process_pool pool(options(1));
  const std::string began = ::testing::TempDir() + "fanout_began_" + std::to_string(::getpid());
  auto stuck = pool.submit(
      [](std::string path) {
        std::ofstream(path) << 'x';
        for (;;) ::pause();
      },
      began);
  ASSERT_TRUE(fanout_test::eventually([&] { return std::filesystem::exists(began); }));
  EXPECT_FALSE(stuck.cancel());
  EXPECT_TRUE(stuck.cancel(fanout::cancel_mode::kill));
  EXPECT_THROW(stuck.get(), fanout::cancelled);
  EXPECT_EQ(pool.submit(square, 5).get(), 25);  // the worker was replaced
  std::filesystem::remove(began);
}

TEST_P(ProcessPool, WorkersKnowWhatTheyAre) {
  EXPECT_FALSE(fanout::is_worker_process());
  process_pool pool(options(1));
  EXPECT_TRUE(pool.submit([] { return fanout::is_worker_process(); }).get());
  EXPECT_TRUE(pool.submit([] { return ::getenv("FANOUT_WORKER") == nullptr; }).get());
}

class ProcessPoolFork : public fanout_test::clean_process_test {};

TEST_F(ProcessPoolFork, IsRefusedWhileThereAreThreads) {  // T31
  fanout::process_pool_options options;
  options.start = fanout::start_method::fork;
  process_pool with_a_thread(1U);
  const auto error = fanout_test::thrown_by<fanout::error>([&] { process_pool refused(options); });
  EXPECT_NE(std::string(error.what()).find("use the start method forkserver"), std::string::npos);
}

int set_before_the_pool = 0;

TEST_F(ProcessPoolFork, WorkersHaveThePoolsPast) {
  set_before_the_pool = 7;
  const auto read = [] { return set_before_the_pool; };
  fanout::process_pool_options options{.workers = 1, .start = fanout::start_method::fork};
  {
    process_pool pool(options);
    EXPECT_EQ(pool.submit(read).get(), 7);
  }
  options.start = fanout::start_method::forkserver;
  EXPECT_EQ(process_pool(options).submit(read).get(), 0);
}

TEST_F(ProcessPoolFork, APoolWhoseNannyIsKilledIsBroken) {
  process_pool pool({.workers = 1, .start = fanout::start_method::fork});
  ::kill(pool.submit([] { return ::getppid(); }).get(), SIGKILL);
  const auto error = fanout_test::thrown_by<fanout::error>([&] {
    for (;;) static_cast<void>(pool.submit(square, 1).get());  // the first may run before the news comes
  });
  EXPECT_NE(std::string(error.what()).find("nanny"), std::string::npos) << error.what();
}

TEST(ProcessPoolOptions, NeedAtLeastOneWorker) { EXPECT_THROW(process_pool(0U), fanout::error); }

}  // namespace
