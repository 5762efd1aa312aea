// SPDX-License-Identifier: Apache-2.0
// A loop that submits takes the supervisor's turns while it sleeps; the supervisor's thread steps in where it cannot.
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <functional>
#include <memory>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "fanout/fanout.hpp"
#include "support.hpp"

namespace {

using fanout::process_pool;
using namespace std::chrono_literals;

class ProcessPoolAttendance : public fanout_test::clean_process_test {};

/// Which thread decoded it.
struct witness {
  std::thread::id decoder;
  template <class Archive>
  void save(Archive& out) const {
    out(0);
  }
  template <class Archive>
  void load(Archive& in) {
    int nothing;
    in(nothing);
    decoder = std::this_thread::get_id();
  }
};
witness look() { return {}; }
int add(int a, int b) { return a + b; }

/// Ends once a result was decoded by the thread of the loop that awaited it. (Not each need be: a loop that was not
/// scheduled for a while is taken for busy.)
fanout::task<> until_it_attends(process_pool& pool) {
  const auto here = std::this_thread::get_id();
  while ((co_await pool.submit(look)).decoder != here) {
  }
}

TEST_F(ProcessPoolAttendance, AnAwaitingLoopNeedsNoThreadInBetween) {
  process_pool pool(2);
  fanout::run(until_it_attends(pool));
}

TEST_F(ProcessPoolAttendance, SoDoesALoopWithIo) {
  process_pool pool(2);
  fanout::event_loop loop;
  loop.context();
  loop.run(until_it_attends(pool));
}

TEST_F(ProcessPoolAttendance, EndsWithTheRun) {
  process_pool pool(2);
  fanout::run(until_it_attends(pool));
  EXPECT_EQ(pool.submit(add, 1, 2).get(), 3);
  fanout::run(until_it_attends(pool));
}

TEST_F(ProcessPoolAttendance, AThreadThatBlocksNeedsNoThreadInBetween) {
  process_pool pool(2);
  while (pool.submit(look).get().decoder != std::this_thread::get_id()) {
  }
}

TEST_F(ProcessPoolAttendance, OfThreadsThatBlockOneServesAll) {
  process_pool pool(2);
  std::atomic<int> right = 0;
  {
    std::vector<std::jthread> threads;
    for (int from = 0; from < 6; ++from) {
      threads.emplace_back([&pool, &right, from] {
        for (int i = 0; i < 300; ++i) right += pool.submit(add, from, i).get() == from + i;
      });
    }
  }
  EXPECT_EQ(right, 6 * 300);
}

TEST_F(ProcessPoolAttendance, PassesOnWhenTheOneThatServesHasItsResult) {
  process_pool pool(2);
  auto gone = pool.submit([] { ::pause(); });
  std::vector<std::jthread> threads;
  for (int i = 0; i < 3; ++i) {
    threads.emplace_back([&pool, i] { EXPECT_EQ(pool.submit(add, i, 1).get(), i + 1); });
  }
  threads.clear();
  EXPECT_FALSE(gone.wait_for(1ms));
  EXPECT_TRUE(gone.cancel(fanout::cancel_mode::kill));
  EXPECT_THROW(gone.get(), fanout::cancelled);
}

TEST_F(ProcessPoolAttendance, ResultsThatNobodyWaitsForCome) {
  process_pool pool(2);
  std::vector<fanout::future<int>> results;
  for (int i = 0; i < 100; ++i) results.push_back(pool.submit(add, i, 1));
  EXPECT_TRUE(fanout_test::eventually([&] { return std::ranges::all_of(results, [](auto& r) { return r.ready(); }); }));
}

TEST_F(ProcessPoolAttendance, OutlivesWhatTheRunLeftOver) {
  process_pool pool(2);
  std::vector<fanout::future<int>> left_over;
  auto main = [&]() -> fanout::task<> {
    co_await until_it_attends(pool);
    for (int i = 0; i < 100; ++i) left_over.push_back(pool.submit(add, i, 1));
  };
  fanout::run(main());
  for (int i = 0; i < 100; ++i) EXPECT_EQ(left_over[static_cast<std::size_t>(i)].get(), i + 1);
}

/// What a coroutine does instead of letting its loop sleep, until the future is ready. It is with the loop's attention
/// that the task was submitted; it must end without.
void goes_on_while(const std::function<fanout::task<>(fanout::future<int>&)>& busy) {
  process_pool pool(1);
  auto main = [&]() -> fanout::task<> {
    co_await until_it_attends(pool);
    for (int i = 0; i < 20; ++i) {
      auto result = pool.submit(add, i, 1);
      co_await busy(result);
      EXPECT_EQ(co_await std::move(result), i + 1);
    }
  };
  fanout::run(main());
}

TEST_F(ProcessPoolAttendance, DoesNotDependOnALoopThatComputes) {
  goes_on_while([](fanout::future<int>& result) -> fanout::task<> {
    while (!result.ready()) {
    }
    co_return;
  });
}

TEST_F(ProcessPoolAttendance, DoesNotDependOnALoopThatBlocks) {
  goes_on_while([](fanout::future<int>& result) -> fanout::task<> {
    result.wait();
    co_return;
  });
}

TEST_F(ProcessPoolAttendance, DoesNotDependOnALoopThatAlwaysHasWork) {
  goes_on_while([](fanout::future<int>& result) -> fanout::task<> {
    while (!result.ready()) co_await fanout::yield();
  });
}

TEST_F(ProcessPoolAttendance, DoesNotDependOnALoopWhoseTimersAreAlwaysDue) {
  goes_on_while([](fanout::future<int>& result) -> fanout::task<> {
    while (!result.ready()) co_await fanout::sleep_until(fanout::time_point());
  });
}

TEST_F(ProcessPoolAttendance, EndsWithThePool) {
  auto main = []() -> fanout::task<> {
    const auto descriptors = fanout_test::names_in("/proc/self/fd");
    for (int i = 0; i < 10; ++i) {
      auto pool = std::make_unique<process_pool>(1);
      co_await until_it_attends(*pool);
      pool.reset();
      while (fanout_test::names_in("/proc/self/fd") != descriptors) co_await fanout::yield();
    }
  };
  fanout::run(main());
}

TEST_F(ProcessPoolAttendance, EndsWithThePoolOfAnotherThread) {
  std::optional<process_pool> pool(1);
  fanout::event_loop loop;
  fanout::event over;
  auto attends = [&]() -> fanout::task<> {
    co_await until_it_attends(*pool);
    const std::jthread destroyer([&] {
      pool.reset();
      loop.post([&] { over.set(); });
    });
    co_await over.wait();
  };
  loop.run(attends());
}

TEST_F(ProcessPoolAttendance, IsOneLoopsAtATimeAndAllAreServed) {
  process_pool pool(2);
  const auto sums = [&](int from) -> fanout::task<int> {
    int sum = 0;
    for (int i = 0; i < 200; ++i) sum += co_await pool.submit(add, from, i);
    co_return sum;
  };
  std::vector<std::jthread> loops;
  std::atomic<int> right = 0;
  for (int from = 0; from < 4; ++from) {
    loops.emplace_back([&, from] { right += fanout::run(sums(from)) == 200 * from + 199 * 100; });
  }
  loops.clear();
  EXPECT_EQ(right, 4);
}

TEST_F(ProcessPoolAttendance, SurvivesThePoolsWorkers) {
  process_pool pool(2);
  auto main = [&]() -> fanout::task<> {
    co_await until_it_attends(pool);
    for (int i = 0; i < 10; ++i) {
      auto dies = pool.submit([] { ::raise(SIGKILL); });
      auto lives = pool.submit(add, i, 1);
      bool died = false;
      try {
        co_await std::move(dies);
      } catch (const fanout::worker_died& end) {
        died = end.signal() == SIGKILL;
      }
      EXPECT_TRUE(died);
      EXPECT_EQ(co_await std::move(lives), i + 1);
    }
  };
  fanout::run(main());
}

}  // namespace
