// SPDX-License-Identifier: Apache-2.0
// Every executor: its coroutines and the futures that others fulfil; as_completed, of futures and of tasks; wait.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <latch>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <variant>
#include <vector>

#include "executor_suite/fixture.hpp"
#include "fanout/as_completed.hpp"
#include "fanout/gather.hpp"
#include "fanout/spawn.hpp"
#include "fanout/thread_pool.hpp"
#include "fanout/wait.hpp"

namespace fanout_test {

template <class Traits>
class ExecutorFutures : public executor_suite<Traits> {};
TYPED_TEST_SUITE_P(ExecutorFutures);

TYPED_TEST_P(ExecutorFutures, ACoroutineGoesOnWhereItWasStarted) {
  fanout::thread_pool pool(1);
  auto main = [&]() -> fanout::task<> {
    for (int i = 0; i < 200; ++i) {
      promise<int> p;
      std::latch about_to_wait(1);
      std::jthread foreign([&] {
        about_to_wait.wait();
        p.set(i);
      });
      about_to_wait.count_down();
      EXPECT_EQ(co_await p.get_future(), i);
      EXPECT_TRUE(this->is_here());
      EXPECT_EQ(co_await pool.submit([i] { return i; }), i);
      EXPECT_TRUE(this->is_here());
    }
  };
  this->run(main());
}

TYPED_TEST_P(ExecutorFutures, ACoroutineGetsTheError) {
  fanout::thread_pool pool(1);
  promise<int> p;
  p.fail();
  EXPECT_EQ(this->run(error_of(result_of(p.get_future()))), "no result");
  auto out_of_range = pool.submit([] { throw std::out_of_range("far"); });
  EXPECT_EQ(this->run(error_of(result_of(std::move(out_of_range)))), "far");
}

TYPED_TEST_P(ExecutorFutures, ACoroutineThatIsStoppedLeavesTheFuture) {
  promise<int> p;
  std::atomic<bool> stopped = false;
  auto waits = [&]() -> fanout::task<> {
    stopped = co_await error_of(result_of(p.get_future())) == "cancelled";
    EXPECT_TRUE(this->is_here());
  };
  EXPECT_THROW(this->run(fanout::gather(waits(), fails())), std::runtime_error);
  EXPECT_TRUE(stopped);
  p.set(1);  // nobody is told
}

TYPED_TEST_P(ExecutorFutures, ItsThreadDoesNotWaitForItself) {
  if constexpr (TypeParam::is_loop) {
    auto main = []() -> fanout::task<> {
      auto f = fanout::spawn(value(1));
      EXPECT_THROW(f.wait(), fanout::error);
      EXPECT_THROW(f.wait_for(24h), fanout::error);
      std::vector<fanout::future<int>> futures;
      futures.push_back(fanout::spawn(value(2)));
      EXPECT_THROW(fanout::wait(std::move(futures)), fanout::error);
      EXPECT_EQ(co_await std::move(f), 1);
    };
    this->run(main());
  } else {
    auto main = []() -> fanout::task<int> {  // it runs other work of the pool meanwhile
      auto f = fanout::spawn(value(1));
      co_return f.get();
    };
    EXPECT_EQ(this->run(main()), 1);
  }
}

// --- as_completed and wait over futures

/// Of a thread, of another pool and of the executor itself.
struct futures_of_any_source {
  std::vector<fanout::future<int>> start() {
    std::vector<fanout::future<int>> futures;
    futures.push_back(foreign.get_future());
    thread = std::jthread([this] { foreign.set(1); });
    futures.push_back(pool.submit([] { return 2; }));
    futures.push_back(fanout::spawn(value(4)));
    return futures;
  }

  promise<int> foreign;
  fanout::thread_pool pool{1};
  std::jthread thread;
};

TYPED_TEST_P(ExecutorFutures, OfAnySourceCompleteInOneRange) {
  for (int round = 0; round < 50; ++round) {
    futures_of_any_source sources;
    auto main = [&]() -> fanout::task<int> {
      int sum = 0;
      auto range = fanout::as_completed(sources.start());
      while (auto f = co_await range.next()) {
        EXPECT_TRUE(this->is_here());
        sum += f->get();
      }
      EXPECT_FALSE(co_await range.next());
      co_return sum;
    };
    EXPECT_EQ(this->run(main()), 7);
  }
}

TYPED_TEST_P(ExecutorFutures, OfAnySourceCanBeWaitedForByAThread) {
  for (const auto when : {fanout::return_when::first_completed, fanout::return_when::all_completed}) {
    futures_of_any_source sources;
    promise<std::size_t> waited;
    promise<void> all;
    std::jthread waiter;
    auto main = [&]() -> fanout::task<> {
      waiter = std::jthread([&, futures = sources.start()]() mutable {
        auto [done, not_done] = fanout::wait(std::move(futures), when);
        EXPECT_EQ(done.size() + not_done.size(), 3U);
        for (const auto& f : done) EXPECT_TRUE(f.ready());
        waited.set(done.size());
        for (auto& f : not_done) f.wait();
        all.set({});
      });
      EXPECT_GE(co_await waited.get_future(), when == fanout::return_when::all_completed ? 3U : 1U);
      co_await all.get_future();
    };
    this->run(main());
  }
}

TYPED_TEST_P(ExecutorFutures, CompleteInTheOrderInWhichTheyEnd) {
  std::array<promise<int>, 3> promises;
  auto main = [&]() -> fanout::task<> {
    std::vector<fanout::future<int>> futures;
    for (auto& p : promises) futures.push_back(p.get_future());
    auto range = fanout::as_completed(std::move(futures));
    for (const int i : {2, 0}) {
      promises[static_cast<std::size_t>(i)].set(int{i});
      EXPECT_EQ((co_await range.next())->get(), i);
    }
    promises[1].fail();
    auto last = co_await range.next();
    EXPECT_THROW(last->get(), std::runtime_error);
  };
  this->run(main());
}

TYPED_TEST_P(ExecutorFutures, NextIsLeftByACoroutineThatIsStopped) {
  promise<int> never;
  std::atomic<bool> stopped = false;
  auto waits = [&]() -> fanout::task<> {
    std::vector<fanout::future<int>> futures;
    futures.push_back(never.get_future());
    auto range = fanout::as_completed(std::move(futures));
    try {
      co_await range.next();
    } catch (const fanout::cancelled&) {
      stopped = true;
      throw;
    }
  };
  EXPECT_THROW(this->run(fanout::gather(waits(), fails())), std::runtime_error);
  EXPECT_TRUE(stopped);
  never.set(1);
}

// --- as_completed over tasks

TYPED_TEST_P(ExecutorFutures, TasksCompleteInTheOrderInWhichTheyEnd) {
  std::array<promise<void>, 3> gates;
  auto passes = [&](std::size_t i) -> fanout::task<std::size_t> {
    co_await gates[i].get_future();
    co_return i;
  };
  auto main = [&]() -> fanout::task<> {
    std::vector<fanout::task<std::size_t>> tasks;
    for (std::size_t i = 0; i < 3; ++i) tasks.push_back(passes(i));
    auto done = fanout::as_completed(std::move(tasks));
    for (const std::size_t i : {2, 0, 1}) {
      gates[i].set({});
      EXPECT_EQ(co_await done.next(), i);
    }
    EXPECT_EQ(co_await done.next(), std::nullopt);
    EXPECT_EQ(co_await done.next(), std::nullopt);
  };
  this->run(main());
}

TYPED_TEST_P(ExecutorFutures, TasksThatFailDoNotEndTheRange) {
  int errors = 0, values = 0;
  auto main = [&]() -> fanout::task<> {
    std::vector<fanout::task<>> tasks;
    tasks.push_back(fails());
    tasks.push_back([]() -> fanout::task<> { co_return; }());
    tasks.push_back(fails());
    auto done = fanout::as_completed(std::move(tasks));
    for (;;) {
      try {
        const std::optional<std::monostate> next = co_await done.next();
        if (!next) break;
        ++values;
      } catch (const std::runtime_error&) {
        ++errors;
      }
    }
  };
  this->run(main());
  EXPECT_EQ(errors, 2);
  EXPECT_EQ(values, 1);
}

TYPED_TEST_P(ExecutorFutures, TasksOfARangeThatIsLeftEarlyAreStopped) {
  std::atomic<int> stopped = 0;
  auto ends = []() -> fanout::task<> { co_return; };
  auto main = [&]() -> fanout::task<> {
    std::vector<fanout::task<>> tasks;
    tasks.push_back(until_stopped(stopped));
    tasks.push_back(ends());
    tasks.push_back(until_stopped(stopped));
    auto done = fanout::as_completed(std::move(tasks));
    co_await done.next();
  };
  this->run(main());
  if constexpr (!TypeParam::is_loop) this->destroy();
  EXPECT_EQ(stopped, 2);
}

TYPED_TEST_P(ExecutorFutures, TasksOfARangeWhoseReaderIsStoppedAreStoppedToo) {
  std::atomic<int> stopped = 0;
  std::atomic<bool> reader_stopped = false;
  auto reads = [&]() -> fanout::task<> {
    std::vector<fanout::task<>> tasks;
    tasks.push_back(until_stopped(stopped));
    auto done = fanout::as_completed(std::move(tasks));
    try {
      co_await done.next();
    } catch (const fanout::cancelled&) {
      reader_stopped = true;
      throw;
    }
  };
  EXPECT_THROW(this->run(fanout::gather(reads(), fails())), std::runtime_error);
  EXPECT_TRUE(reader_stopped);
  if constexpr (!TypeParam::is_loop) this->destroy();
  EXPECT_EQ(stopped, 1);
}

TYPED_TEST_P(ExecutorFutures, TasksOfARangeBeginWithTheFirstNext) {
  std::atomic<int> begun = 0;
  auto begins = [&]() -> fanout::task<> {
    ++begun;
    co_return;
  };
  auto main = [&]() -> fanout::task<> {
    std::vector<fanout::task<>> tasks;
    for (int i = 0; i < 3; ++i) tasks.push_back(begins());
    auto done = fanout::as_completed(std::move(tasks));
    co_await fanout::yield();
    EXPECT_EQ(begun, 0);
    while (co_await done.next()) {
    }
    EXPECT_EQ(begun, 3);
    auto nothing = fanout::as_completed(std::vector<fanout::task<int>>());
    EXPECT_EQ(co_await nothing.next(), std::nullopt);
  };
  this->run(main());
}

REGISTER_TYPED_TEST_SUITE_P(ExecutorFutures, ACoroutineGoesOnWhereItWasStarted, ACoroutineGetsTheError,
                            ACoroutineThatIsStoppedLeavesTheFuture, ItsThreadDoesNotWaitForItself,
                            OfAnySourceCompleteInOneRange, OfAnySourceCanBeWaitedForByAThread,
                            CompleteInTheOrderInWhichTheyEnd, NextIsLeftByACoroutineThatIsStopped,
                            TasksCompleteInTheOrderInWhichTheyEnd, TasksThatFailDoNotEndTheRange,
                            TasksOfARangeThatIsLeftEarlyAreStopped, TasksOfARangeWhoseReaderIsStoppedAreStoppedToo,
                            TasksOfARangeBeginWithTheFirstNext);

}  // namespace fanout_test
