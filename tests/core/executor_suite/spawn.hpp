// SPDX-License-Identifier: Apache-2.0
// Every executor: spawn.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "executor_suite/fixture.hpp"
#include "fanout/gather.hpp"
#include "fanout/spawn.hpp"

namespace fanout_test {

template <class Traits>
class ExecutorSpawn : public executor_suite<Traits> {};
TYPED_TEST_SUITE_P(ExecutorSpawn);

TYPED_TEST_P(ExecutorSpawn, StartsATaskAndGivesAFutureForIt) {
  std::atomic<bool> begun = false;
  auto begins = [&]() -> fanout::task<std::unique_ptr<int>> {
    begun = true;
    EXPECT_TRUE(this->is_here());
    co_return std::make_unique<int>(7);
  };
  auto main = [&]() -> fanout::task<> {
    auto f = fanout::spawn(begins());
    if (TypeParam::one_thread()) EXPECT_FALSE(begun) << "it began inside spawn()";
    EXPECT_EQ(*co_await std::move(f), 7);
    EXPECT_EQ(co_await error_of(result_of(fanout::spawn(fails("no")))), "no");
  };
  this->run(main());
}

TYPED_TEST_P(ExecutorSpawn, RunsTasksWhileOthersWait) {
  promise<int> one, two;
  auto first = [&]() -> fanout::task<> {
    one.set(1);
    EXPECT_EQ(co_await two.get_future(), 2);
  };
  auto second = [&]() -> fanout::task<> {
    EXPECT_EQ(co_await one.get_future(), 1);
    two.set(2);
  };
  auto main = [&]() -> fanout::task<> {
    auto a = fanout::spawn(first());
    auto b = fanout::spawn(second());
    co_await std::move(b);
    co_await std::move(a);
  };
  this->run(main());
}

TYPED_TEST_P(ExecutorSpawn, MayBeCalledFromWhatIsPosted) {
  promise<int> p;
  auto fulfils = [&]() -> fanout::task<> { p.set(co_await value(4)); };
  this->executor().post([&] { static_cast<void>(fanout::spawn(fulfils())); });
  EXPECT_EQ(this->run(result_of(p.get_future())), 4);
}

TYPED_TEST_P(ExecutorSpawn, IsRefusedWhereNothingRuns) {
  EXPECT_THROW(static_cast<void>(fanout::spawn(value(1))), fanout::error);
  auto main = []() -> fanout::task<> {
    auto empty = value(1);
    const auto elsewhere = std::move(empty);
    EXPECT_THROW(static_cast<void>(fanout::spawn(std::move(empty))), fanout::error);
    co_return;
  };
  this->run(main());
}

TYPED_TEST_P(ExecutorSpawn, ADroppedFutureDetaches) {
  promise<int> p;
  auto fulfils = [&]() -> fanout::task<> { p.set(co_await value(4)); };
  auto main = [&]() -> fanout::task<int> {
    static_cast<void>(fanout::spawn(fulfils()));
    co_return co_await p.get_future();
  };
  EXPECT_EQ(this->run(main()), 4);
}

TYPED_TEST_P(ExecutorSpawn, CancelAsksTheTaskToStop) {
  std::atomic<int> stopped = 0;
  std::atomic<bool> begun = false;
  auto begins = [&]() -> fanout::task<> {
    begun = true;
    co_await until_stopped(stopped);
  };
  auto main = [&]() -> fanout::task<> {
    auto f = fanout::spawn(begins());
    while (!begun) co_await fanout::yield();
    EXPECT_TRUE(f.cancel());
    EXPECT_EQ(co_await error_of(result_of(std::move(f))), "cancelled");
    EXPECT_EQ(stopped, 1);

    auto not_begun = fanout::spawn(until_stopped(stopped));
    EXPECT_TRUE(not_begun.cancel());
    EXPECT_EQ(co_await error_of(result_of(std::move(not_begun))), "cancelled");
  };
  this->run(main());
}

TYPED_TEST_P(ExecutorSpawn, ATaskThatHasEndedCannotBeCancelled) {
  auto main = []() -> fanout::task<> {
    auto f = fanout::spawn(value(3));
    while (!f.ready()) co_await fanout::yield();
    EXPECT_FALSE(f.cancel());
    EXPECT_EQ(co_await std::move(f), 3);
  };
  this->run(main());
}

TYPED_TEST_P(ExecutorSpawn, ATaskMaySwallowTheStop) {
  std::atomic<int> stopped = 0;
  auto swallows = [&]() -> fanout::task<int> {
    co_await error_of(until_stopped(stopped));
    co_return 5;
  };
  auto main = [&]() -> fanout::task<int> {
    auto f = fanout::spawn(swallows());
    f.cancel();
    co_return co_await std::move(f);
  };
  EXPECT_EQ(this->run(main()), 5);
}

TYPED_TEST_P(ExecutorSpawn, WhatIsLeftOverHasEndedWhenTheExecutorIsDone) {
  std::atomic<int> ended = 0, stopped = 0;
  promise<void> may_end;
  auto leaves_over = [&]() -> fanout::task<> {
    // When it goes on after its stop it leaves over another one, which is to end, too.
    co_await error_of(TypeParam::is_loop ? until_stopped(stopped) : result_of(may_end.get_future()));
    static_cast<void>(fanout::spawn([](std::atomic<int>& count) -> fanout::task<> {
      ++count;
      co_return;
    }(ended)));
    ++ended;
  };
  auto main = [&]() -> fanout::task<int> {
    static_cast<void>(fanout::spawn(leaves_over()));
    co_return co_await value(1);
  };
  EXPECT_EQ(this->run(main()), 1);
  if constexpr (TypeParam::is_loop) {
    EXPECT_EQ(stopped, 1);  // run() has stopped it, and has waited for it
  } else {
    EXPECT_EQ(ended, 0);  // it goes on, and its pool is not gone before it has ended
    std::jthread other([&] { may_end.set({}); });
    this->destroy();
  }
  EXPECT_EQ(ended, 2);
}

TYPED_TEST_P(ExecutorSpawn, WhatIsLeftOverByATaskThatFailsEndsToo) {
  std::atomic<int> stopped = 0;
  std::vector<fanout::future<void>> futures;
  auto main = [&]() -> fanout::task<> {
    futures.push_back(fanout::spawn(until_stopped(stopped)));
    co_await fails("main");
  };
  EXPECT_THROW(this->run(main()), std::runtime_error);
  EXPECT_EQ(futures[0].ready(), TypeParam::is_loop);
  if constexpr (!TypeParam::is_loop) futures[0].cancel();
  this->destroy();
  EXPECT_THROW(futures[0].get(), fanout::cancelled);  // the future outlives what fulfilled it
  EXPECT_EQ(stopped, 1);
}

TYPED_TEST_P(ExecutorSpawn, AThreadMayWaitForTheFuture) {
  promise<void> taken;
  auto main = [&]() -> fanout::task<> {
    auto f = fanout::spawn(value(6));
    std::jthread other([&taken, f = std::move(f)]() mutable {
      EXPECT_EQ(f.get(), 6);
      taken.set({});
    });
    co_await taken.get_future();
  };
  this->run(main());
}

TYPED_TEST_P(ExecutorSpawn, WhatIsSpawnedAtTheVeryEndEndsToo) {
  // What is left over posts, while it is being stopped, a function that spawns: nothing was counted in between.
  auto& executor = this->executor();
  std::atomic<int> ran = 0;
  auto late = [](std::atomic<int>& count) -> fanout::task<> {
    co_await fanout::this_task::get_stop_token();
    ++count;
    co_await fanout::sleep(1ms);
  };
  auto left_over = [](auto& where, std::atomic<int>& count, auto spawned, fanout::duration time) -> fanout::task<> {
    try {
      co_await fanout::sleep(time);
    } catch (const fanout::cancelled&) {
    }
    where.post([&count, spawned] {
      for (int i = 0; i < 300; ++i) static_cast<void>(fanout::spawn(spawned(count)));
    });
  };
  auto main = [&]() -> fanout::task<> {
    static_cast<void>(fanout::spawn(
        left_over(executor, ran, late, TypeParam::is_loop ? fanout::duration(24h) : fanout::duration(1ms))));
    co_await fanout::yield();
  };
  this->run(main());
  this->destroy();
  EXPECT_EQ(ran, 300);
}

REGISTER_TYPED_TEST_SUITE_P(ExecutorSpawn, StartsATaskAndGivesAFutureForIt, RunsTasksWhileOthersWait,
                            MayBeCalledFromWhatIsPosted, IsRefusedWhereNothingRuns, ADroppedFutureDetaches,
                            CancelAsksTheTaskToStop, ATaskThatHasEndedCannotBeCancelled, ATaskMaySwallowTheStop,
                            WhatIsLeftOverHasEndedWhenTheExecutorIsDone, WhatIsLeftOverByATaskThatFailsEndsToo,
                            AThreadMayWaitForTheFuture, WhatIsSpawnedAtTheVeryEndEndsToo);

}  // namespace fanout_test
