// SPDX-License-Identifier: Apache-2.0
// Every executor: tasks, and what they give to whoever awaits them.
#pragma once

#include <coroutine>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "executor_suite/fixture.hpp"

namespace fanout_test {

template <class Traits>
class ExecutorTasks : public executor_suite<Traits> {};
TYPED_TEST_SUITE_P(ExecutorTasks);

TYPED_TEST_P(ExecutorTasks, RunReturnsTheValue) {
  EXPECT_EQ(this->run(value(42)), 42);
  EXPECT_EQ(this->run(value(1)) + this->run(value(2)), 3);  // and as often as one likes
}

TYPED_TEST_P(ExecutorTasks, RunThrowsTheError) {
  auto fails_at_once = []() -> fanout::task<> {
    throw std::invalid_argument("no");
    co_return;
  };
  EXPECT_THROW(this->run(fails_at_once()), std::invalid_argument);
  EXPECT_THROW(this->run(fails()), std::runtime_error);
  EXPECT_EQ(this->run(value(1)), 1);
}

TYPED_TEST_P(ExecutorTasks, RunHereAndNowhereElse) {
  auto here = [this]() -> fanout::task<bool> {
    const bool before = this->is_here();
    co_await fanout::yield();
    co_return before&& this->is_here();
  };
  EXPECT_TRUE(this->run(here()));
}

/// Threads for awaitables to go on in. They are stored under the lock, and each takes it once before it does anything:
/// whoever a thread resumed may therefore end, and the threads be joined, though the call that began it has not
/// returned.
class other_threads {
 public:
  void begin(std::coroutine_handle<> h) {
    const std::scoped_lock storing(mutex_);
    threads_.emplace_back([this, h] {
      {
        const std::scoped_lock stored(mutex_);
      }
      h.resume();
    });
  }

 private:
  std::mutex mutex_;
  std::vector<std::jthread> threads_;
};

/// Goes on in a thread of its own, as an awaitable of another library may.
struct elsewhere {
  other_threads& threads;
  bool await_ready() const { return false; }
  void await_suspend(std::coroutine_handle<> h) const { threads.begin(h); }
  std::thread::id await_resume() const { return std::this_thread::get_id(); }
};

TYPED_TEST_P(ExecutorTasks, ComeBackFromWhatIsNotFanouts) {
  other_threads threads;
  auto main = [&, this]() -> fanout::task<> {
    const auto there = co_await elsewhere{threads};
    EXPECT_NE(there, std::this_thread::get_id());
    EXPECT_TRUE(this->is_here());
    const elsewhere named{threads};
    co_await named;
    EXPECT_TRUE(this->is_here());
    co_await std::suspend_never();
  };
  this->run(main());
}

TYPED_TEST_P(ExecutorTasks, DoNotBeginBeforeTheyAreAwaited) {
  bool begun = false;
  auto work = [&]() -> fanout::task<> {
    begun = true;
    co_return;
  };
  auto main = [&]() -> fanout::task<> {
    auto lazy = work();
    co_await fanout::yield();
    EXPECT_FALSE(begun);
    co_await std::move(lazy);
    EXPECT_TRUE(begun);
  };
  this->run(main());
}

TYPED_TEST_P(ExecutorTasks, NotAwaitedOnlyDestroyTheirArguments) {
  const auto held = std::make_shared<int>(1);
  auto work = [](std::shared_ptr<int>) -> fanout::task<> {
    ADD_FAILURE() << "it ran";
    co_return;
  };
  {
    const auto dropped = work(held);
  }
  EXPECT_EQ(held.use_count(), 1);
}

TYPED_TEST_P(ExecutorTasks, AreAwaitedOnceOnly) {
  auto main = []() -> fanout::task<> {
    auto once = value(1);
    co_await std::move(once);
    EXPECT_EQ((co_await error_of(std::move(once))).substr(0, 18), "this task is empty");
  };
  this->run(main());
  auto given_away = value(1);
  const auto elsewhere = std::move(given_away);
  EXPECT_THROW(this->run(std::move(given_away)), fanout::error);
}

TYPED_TEST_P(ExecutorTasks, CarryMoveOnlyValuesReferencesAndNothing) {
  int target = 0;
  auto pointer = []() -> fanout::task<std::unique_ptr<int>> { co_return std::make_unique<int>(3); };
  auto reference = [](int& r) -> fanout::task<int&> { co_return r; };
  auto nothing = []() -> fanout::task<> { co_return; };
  auto main = [&]() -> fanout::task<int&> {
    int& r = co_await reference(target);
    r = *co_await pointer();
    co_await nothing();
    co_return r;
  };
  EXPECT_EQ(&this->run(main()), &target);
  EXPECT_EQ(target, 3);
  EXPECT_EQ(*this->run(pointer()), 3);
}

/// `passed` counts the frames that are left on the way up.
inline fanout::task<int> fall(int depth, int& passed) {
  struct counter {
    int& passed;
    ~counter() { ++passed; }
  } const on_the_way{passed};
  if (depth == 0) throw std::out_of_range("far down");
  co_return co_await fall(depth - 1, passed);
}

TYPED_TEST_P(ExecutorTasks, ErrorsTravelThroughAllThatAwait) {
  int passed = 0;
  EXPECT_EQ(this->run(error_of(fall(10'000, passed))), "far down");
  EXPECT_EQ(passed, 10'001);
  EXPECT_THROW(this->run(fall(10'000, passed)), std::out_of_range);
}

TYPED_TEST_P(ExecutorTasks, WhatTheyHoldIsGoneWhenTheyHaveEnded) {
  const auto held = std::make_shared<int>(1);
  auto holds = [](std::shared_ptr<int> p) -> fanout::task<int> {
    co_await fanout::yield();
    co_return *p;
  };
  auto main = [&]() -> fanout::task<> {
    co_await holds(held);
    EXPECT_EQ(held.use_count(), 1);
  };
  this->run(main());
}

TYPED_TEST_P(ExecutorTasks, AMillionAwaitsInARowNeedNoStack) {
  auto one = []() -> fanout::task<int> { co_return 1; };
  auto sum = [&]() -> fanout::task<int> {
    int total = 0;
    for (int i = 0; i < 1'000'000; ++i) total += co_await one();
    co_return total;
  };
  EXPECT_EQ(this->run(sum()), 1'000'000);
}

/// Down at once; up again either at once, or when the one at the bottom goes on.
inline fanout::task<int> descend(int depth, bool suspends) {
  if (depth == 0) {
    if (suspends) co_await fanout::yield();
    co_return 0;
  }
  co_return 1 + co_await descend(depth - 1, suspends);
}

TYPED_TEST_P(ExecutorTasks, AHundredThousandDeepNeedNoStack) {
  EXPECT_EQ(this->run(descend(100'000, false)), 100'000);
  EXPECT_EQ(this->run(descend(100'000, true)), 100'000);
}

REGISTER_TYPED_TEST_SUITE_P(ExecutorTasks, RunReturnsTheValue, RunThrowsTheError, RunHereAndNowhereElse,
                            ComeBackFromWhatIsNotFanouts, DoNotBeginBeforeTheyAreAwaited,
                            NotAwaitedOnlyDestroyTheirArguments, AreAwaitedOnceOnly,
                            CarryMoveOnlyValuesReferencesAndNothing, ErrorsTravelThroughAllThatAwait,
                            WhatTheyHoldIsGoneWhenTheyHaveEnded, AMillionAwaitsInARowNeedNoStack,
                            AHundredThousandDeepNeedNoStack);

}  // namespace fanout_test
