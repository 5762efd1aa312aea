// SPDX-License-Identifier: Apache-2.0
// What a process pool does when nothing goes wrong.
#include "fanout/process_pool.hpp"

#include <unistd.h>

#include <chrono>
#include <csignal>
#include <list>
#include <map>
#include <memory>
#include <numeric>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <variant>

#include "fanout/as_completed.hpp"
#include "fanout/event_loop.hpp"
#include "fanout/gather.hpp"
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

TEST_P(ProcessPool, MapKeepsTheOrderOfItsInputs) {
  process_pool pool(options(2));
  std::vector<int> inputs(1000);
  std::iota(inputs.begin(), inputs.end(), 0);
  const auto results = pool.map(square, inputs).get();
  ASSERT_EQ(results.size(), 1000U);
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(results[static_cast<std::size_t>(i)], i * i);
  EXPECT_TRUE(pool.map(square, std::vector<int>()).get().empty());
  pool.map([](const std::string&) {}, std::list<std::string>{"a", "b"}).get();
}

TEST_P(ProcessPool, MapInChunksOfAnySizeGivesTheSame) {
  process_pool pool(options(2));
  std::vector<int> inputs(100);
  std::iota(inputs.begin(), inputs.end(), 0);
  const auto expected = pool.map(square, inputs).get();
  for (const std::size_t chunk : {1, 3, 50, 100, 1000})
    EXPECT_EQ(pool.map(square, inputs, {.chunk = chunk}).get(), expected);
}

TEST_P(ProcessPool, CoroutinesAwaitItsTasks) {
  process_pool pool(options(2));
  const auto sum = [](process_pool& p) -> fanout::task<int> {
    auto first = p.submit(square, 3);
    const int second = co_await p.submit(square, 4);
    const auto more = co_await p.map(square, std::vector{1, 2});
    co_return co_await std::move(first) + second + more[0] + more[1];
  };
  EXPECT_EQ(fanout::run(sum(pool)), 9 + 16 + 1 + 4);
}

TEST_P(ProcessPool, ManyThreadsMaySubmit) {
  process_pool pool(options(2));
  std::vector<std::jthread> threads;
  std::atomic<int> right = 0;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 100; ++i) right += pool.submit(square, i).get() == i * i;
    });
  }
  threads.clear();
  EXPECT_EQ(right, 400);
}

TEST_P(ProcessPool, TheDestructorDrains) {
  std::vector<fanout::future<int>> futures;
  {
    process_pool pool(options(2));
    for (int i = 0; i < 20; ++i)
      futures.push_back(pool.submit(
          [](int x) {
            std::this_thread::sleep_for(1ms);
            return x;
          },
          i));
  }
  for (int i = 0; i < 20; ++i) {
    ASSERT_TRUE(futures[static_cast<std::size_t>(i)].ready());
    EXPECT_EQ(futures[static_cast<std::size_t>(i)].get(), i);
  }
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

TEST_P(ProcessPool, AQueuedTaskCanBeCancelled) {
  process_pool pool(options(1));
  const std::string gate = ::testing::TempDir() + "fanout_gate_" + std::to_string(::getpid());
  auto first = pool.submit(
      [](std::string path) { return fanout_test::eventually([&] { return std::filesystem::exists(path); }); }, gate);
  auto second = pool.submit(square, 2);
  EXPECT_TRUE(second.cancel());
  EXPECT_THROW(second.get(), fanout::cancelled);
  std::ofstream(gate) << 'x';
  EXPECT_TRUE(first.get());
  std::filesystem::remove(gate);
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

TEST_P(ProcessPool, FinishedTasksCannotBeCancelled) {
  process_pool pool(options(1));
  auto done = pool.submit(square, 3);
  done.wait();
  EXPECT_FALSE(done.cancel());
  EXPECT_FALSE(done.cancel(fanout::cancel_mode::kill));
  EXPECT_EQ(done.get(), 9);
}

TEST_P(ProcessPool, WorkersKnowWhatTheyAre) {
  EXPECT_FALSE(fanout::is_worker_process());
  process_pool pool(options(1));
  EXPECT_TRUE(pool.submit([] { return fanout::is_worker_process(); }).get());
  EXPECT_TRUE(pool.submit([] { return ::getenv("FANOUT_WORKER") == nullptr; }).get());
}

class ProcessPoolFork : public fanout_test::clean_process_test {};

TEST_F(ProcessPoolFork, IsRefusedWhileThereAreThreads) {
  fanout::process_pool_options options;
  options.start = fanout::start_method::fork;
  process_pool with_a_thread(1U);
  const auto error = fanout_test::thrown_by<fanout::error>([&] { process_pool refused(options); });
  EXPECT_NE(std::string(error.what()).find("start_method::forkserver"), std::string::npos);
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
