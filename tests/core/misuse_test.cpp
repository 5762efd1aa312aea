// SPDX-License-Identifier: Apache-2.0
// What a program can do wrong is refused where it happens, in a sentence that says what to do, and what is innocent
// goes on.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "detached.hpp"
#include "fanout/as_completed.hpp"
#include "fanout/errors.hpp"
#include "fanout/event_loop.hpp"
#include "fanout/gather.hpp"
#include "fanout/map.hpp"
#include "fanout/serial_executor.hpp"
#include "fanout/sleep.hpp"
#include "fanout/spawn.hpp"
#include "fanout/task_group.hpp"
#include "fanout/thread_pool.hpp"
#include "fanout/timeout.hpp"
#include "fanout/wait.hpp"
#include "promise.hpp"

namespace {

using namespace std::chrono_literals;
using fanout::task;
using fanout_test::detached;
using fanout_test::promise;
using testing::HasSubstr;

task<int> value(int x) {
  co_await fanout::yield();
  co_return x;
}

task<int> fails() {
  co_await fanout::yield();
  throw std::runtime_error("no luck");
}

/// An empty one.
task<int> used_up() {
  task<int> t = value(1);
  const task<int> taken = std::move(t);
  return t;  // NOLINT(bugprone-use-after-move): that is the misuse
}

/// What `f` says when it refuses.
std::string refusal(const std::function<void()>& f) {
  try {
    f();
  } catch (const fanout::error& e) {
    return e.what();
  }
  return "(it was accepted)";
}

const auto says_that_it_is_empty = HasSubstr("call the coroutine again for another");
const auto says_to_await = HasSubstr("co_await it instead");

TEST(TaskMisuse, AwaitingATaskTwiceIsRefused) {
  auto twice = []() -> task<std::string> {
    task<int> t = value(3);
    EXPECT_EQ(co_await std::move(t), 3);
    try {
      co_await std::move(t);  // NOLINT(bugprone-use-after-move): that is the misuse
    } catch (const fanout::error& e) {
      co_return e.what();
    }
    co_return "(it was accepted)";
  };
  EXPECT_THAT(fanout::run(twice()), says_that_it_is_empty);
}

TEST(TaskMisuse, AnEmptyTaskIsRefusedByWhateverStartsTasks) {
  EXPECT_THAT(refusal([] { fanout::run(used_up()); }), says_that_it_is_empty);
  EXPECT_THAT(refusal([] { fanout::serial_executor().run(used_up()); }), says_that_it_is_empty);
  EXPECT_THAT(refusal([] { fanout::thread_pool(1).run(used_up()); }), says_that_it_is_empty);
  EXPECT_THAT(refusal([] { fanout::run(fanout::gather(value(1), used_up())); }), says_that_it_is_empty);
  EXPECT_THAT(refusal([] { fanout::run(fanout::gather(fanout::return_exceptions, value(1), used_up())); }),
              says_that_it_is_empty);
  EXPECT_THAT(refusal([] { fanout::run(fanout::timeout(1h, used_up())); }), says_that_it_is_empty);
  auto spawns = []() -> task<> {
    static_cast<void>(fanout::spawn(used_up()));
    co_return;
  };
  EXPECT_THAT(refusal([&] { fanout::run(spawns()); }), says_that_it_is_empty);
  auto groups = []() -> task<> {
    co_await fanout::with_task_group([](fanout::task_group& g) -> task<> {
      static_cast<void>(g.spawn(used_up()));
      co_return;
    });
  };
  EXPECT_THAT(refusal([&] { fanout::run(groups()); }), says_that_it_is_empty);
  auto takes = []() -> task<> {
    std::vector<task<int>> tasks;
    tasks.push_back(value(1));
    tasks.push_back(used_up());
    auto done = fanout::as_completed(std::move(tasks));
    co_await done.next();
  };
  EXPECT_THAT(refusal([&] { fanout::run(takes()); }), says_that_it_is_empty);
}

TEST(TaskMisuse, AnEmptyTaskAmongOthersKeepsAllFromBeginning) {
  int begun = 0;
  auto begins = [&]() -> task<int> {
    ++begun;
    co_return 1;
  };
  EXPECT_THAT(refusal([&] { fanout::run(fanout::gather(begins(), used_up())); }), says_that_it_is_empty);
  EXPECT_EQ(begun, 0);
}

TEST(FutureMisuse, TakingAResultTwiceIsRefused) {
  promise<int> p;
  auto f = p.get_future();
  p.set(1);
  EXPECT_EQ(f.get(), 1);
  EXPECT_THAT(refusal([&] { f.get(); }), HasSubstr("its result was taken"));
  auto awaits = [&]() -> task<> { co_await std::move(f); };
  EXPECT_THAT(refusal([&] { fanout::run(awaits()); }), HasSubstr("its result was taken"));

  fanout::serial_executor pool;
  auto mapped = pool.map([](int x) { return x; }, {1});
  EXPECT_EQ(mapped.get(), std::vector{1});
  EXPECT_THAT(refusal([&] { mapped.get(); }), HasSubstr("were taken already"));
}

TEST(FutureMisuseDeathTest, TwoWaitersForOneResultEndTheProgram) {
  fanout::detail::completion event;
  fanout::detail::waiter first([](fanout::op&) noexcept {}), second([](fanout::op&) noexcept {});
  event.register_waiter(first);
  EXPECT_DEATH(event.register_waiter(second), "fanout: two at once wait for one result");
  EXPECT_TRUE(event.unregister_waiter(first));
}

/// Everything that blocks, tried by a coroutine with a future that only its own thread could fulfil.
task<int> tries_to_block() {
  auto f = fanout::spawn(value(4));
  EXPECT_THAT(refusal([&] { f.wait(); }), says_to_await);
  EXPECT_THAT(refusal([&] { f.wait_for(1h); }), says_to_await);
  EXPECT_THAT(refusal([&] { f.get(); }), says_to_await);
  EXPECT_TRUE(f.valid()) << "a wait that was refused has taken it";

  std::vector<fanout::future<int>> some;
  some.push_back(fanout::spawn(value(5)));
  some.push_back(fanout::spawn(value(6)));
  auto range = fanout::as_completed(std::move(some));
  EXPECT_THAT(refusal([&] { range.begin(); }), says_to_await);
  int sum = 0;
  while (auto next = co_await range.next()) sum += next->get();

  std::vector<fanout::future<int>> others;
  others.push_back(fanout::spawn(value(7)));
  EXPECT_THAT(refusal([&] { fanout::wait(std::move(others)); }), says_to_await);
  others.clear();
  others.push_back(fanout::spawn(value(7)));
  EXPECT_THAT(refusal([&] { fanout::wait(std::move(others), fanout::return_when::first_completed, 1h); }),
              says_to_await);

  co_return sum + co_await std::move(f);
}

TEST(BlockingMisuse, WaitingOnTheLoopThatOwesTheResultIsRefusedAndTheLoopGoesOn) {
  fanout::event_loop loop;
  EXPECT_EQ(loop.run(tries_to_block()), 15);
  EXPECT_EQ(loop.run(tries_to_block()), 15);
  fanout::serial_executor serial;
  EXPECT_EQ(serial.run(tries_to_block()), 15);
  EXPECT_EQ(serial.run(tries_to_block()), 15);
}

TEST(BlockingMisuse, SoIsWaitingInALoopThatRunsInsideThatLoop) {
  auto outer = []() -> task<int> {
    auto f = fanout::spawn(value(4));
    auto inner = [&f]() -> task<int> {
      EXPECT_THAT(refusal([&] { f.wait(); }), says_to_await);
      EXPECT_THAT(refusal([&] { f.wait_for(1h); }), says_to_await);
      co_return co_await tries_to_block();
    };
    const int sum = fanout::serial_executor().run(inner()) + fanout::run(inner());
    co_return sum + co_await std::move(f);
  };
  EXPECT_EQ(fanout::run(outer()), 34);
  EXPECT_EQ(fanout::serial_executor().run(outer()), 34);
}

TEST(BlockingMisuse, WhatIsReadyMayBeTakenAnywhere) {
  auto takes = []() -> task<int> {
    auto f = fanout::spawn(value(4));
    while (!f.ready()) co_await fanout::yield();
    f.wait();
    EXPECT_TRUE(f.wait_for(0s));
    co_return f.get();
  };
  EXPECT_EQ(fanout::run(takes()), 4);
}

template <class Awaitable>
detached awaits_outside(Awaitable make, std::string& said) {
  try {
    co_await make();
    said = "(it was accepted)";
  } catch (const fanout::error& e) {
    said = e.what();
  }
}

TEST(ExecutorMisuse, WhatNeedsAnExecutorSaysSoOutsideOfOne) {
  std::string said;
  awaits_outside([] { return fanout::sleep(1h); }, said);
  EXPECT_THAT(said, HasSubstr("sleep: this coroutine runs on no executor; start it with fanout::run"));
  awaits_outside([] { return fanout::yield(); }, said);
  EXPECT_THAT(said, HasSubstr("yield: this coroutine runs on no executor"));
  awaits_outside([] { return fanout::timeout(1h, value(1)); }, said);
  EXPECT_THAT(said, HasSubstr("timeout: this coroutine runs on no executor"));
  awaits_outside([] { return fanout::with_task_group([](fanout::task_group&) -> task<> { co_return; }); }, said);
  EXPECT_THAT(said, HasSubstr("with_task_group: this coroutine runs on no executor"));
  EXPECT_THAT(refusal([] { static_cast<void>(fanout::spawn(value(1))); }),
              HasSubstr("spawn: this thread runs no executor; call it from a coroutine"));
}

TEST(ExecutorMisuse, ALoopThatRunsIsNotRunAgainInsideItself) {
  fanout::event_loop loop;
  fanout::serial_executor serial;
  const auto inside = [](auto& executor) -> task<int> {
    EXPECT_THAT(refusal([&] { executor.run(value(1)); }), HasSubstr("running already; await the task instead"));
    co_return co_await value(2);
  };
  EXPECT_EQ(loop.run(inside(loop)), 2);
  EXPECT_EQ(loop.run(inside(loop)), 2);
  EXPECT_EQ(serial.run(inside(serial)), 2);
  EXPECT_EQ(serial.run(inside(serial)), 2);
}

TEST(FutureMisuseDeathTest, TwoWaitersForTheNextOfOneRangeEndTheProgram) {
  const auto both = []() -> fanout::task<> {
    promise<int> never;
    std::vector<fanout::future<int>> futures;
    futures.push_back(never.get_future());
    auto range = fanout::as_completed(std::move(futures));
    const auto next = [](auto& r) -> fanout::task<> { co_await r.next(); };
    co_await fanout::gather(next(range), next(range));
  };
  EXPECT_DEATH(fanout::run(both()), "two at once wait for the next of one as_completed range");
}

TEST(FutureMisuse, ARangeThatWasMovedFromIsAtItsEnd) {
  promise<int> first;
  std::vector<fanout::future<int>> futures;
  futures.push_back(first.get_future());
  first.set(1);
  auto range = fanout::as_completed(std::move(futures));
  auto moved = std::move(range);
  EXPECT_EQ(range.begin(), range.end());
  int sum = 0;
  for (auto&& f : moved) sum += f.get();
  EXPECT_EQ(sum, 1);

  const auto tasks = []() -> fanout::task<> {
    const auto one = []() -> fanout::task<int> { co_return 1; };
    std::vector<fanout::task<int>> two;
    two.push_back(one());
    two.push_back(one());
    auto done = fanout::as_completed(std::move(two));
    EXPECT_EQ((co_await done.next()).value(), 1);
    auto rest = std::move(done);
    EXPECT_FALSE((co_await done.next()).has_value());
    EXPECT_EQ((co_await rest.next()).value(), 1);
  };
  fanout::run(tasks());
}

TEST(ExecutorMisuseDeathTest, DestroyingALoopThatRunsEndsTheProgram) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const auto destroys = [](auto& executor) -> task<> {
    executor.reset();
    co_return;
  };
  auto loop = std::make_unique<fanout::event_loop>();
  EXPECT_DEATH(loop->run(destroys(loop)), "fanout: an event_loop is destroyed while it runs: let run\\(\\) return");
  auto serial = std::make_unique<fanout::serial_executor>();
  EXPECT_DEATH(serial->run(destroys(serial)),
               "fanout: a serial_executor is destroyed while it runs: let run\\(\\) return");
}

TEST(ExecutorMisuseDeathTest, DestroyingAPoolInAWorkerOfItsEndsTheProgram) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(
      {
        auto pool = std::make_unique<fanout::thread_pool>(2);
        pool->submit([&] { pool.reset(); }).get();
      },
      "fanout: a thread_pool is destroyed by one of its own workers.*let another thread own it");
}

// An error that nobody looked at is told to stderr, once.

std::string stderr_of(const std::function<void()>& f) {
  testing::internal::CaptureStderr();
  f();
  return testing::internal::GetCapturedStderr();
}

constexpr const char* report = "fanout: a task failed, and nobody looked at its future: std::runtime_error: no luck\n";

[[noreturn]] int throws() { throw std::runtime_error("no luck"); }

TEST(UnseenErrors, OfSpawnedTasksAreReportedOnce) {
  EXPECT_EQ(stderr_of([] {
              auto drops = []() -> task<> {
                static_cast<void>(fanout::spawn(fails()));  // dropped before it fails
                auto f = fanout::spawn(fails());
                while (!f.ready()) co_await fanout::yield();  // dropped afterwards
              };
              fanout::run(drops());
            }),
            std::string(report) + report);
}

TEST(UnseenErrors, OfPoolsAreReportedOnce) {
  EXPECT_EQ(stderr_of([] { static_cast<void>(fanout::thread_pool(2).submit(throws)); }), report);
  EXPECT_EQ(stderr_of([] { static_cast<void>(fanout::serial_executor().submit(throws)); }), report);
}

TEST(UnseenErrors, OfAMapAreReportedOnceForAllItems) {
  const auto throws_for = [](int) { return throws(); };
  EXPECT_EQ(stderr_of([&] { static_cast<void>(fanout::thread_pool(2).map(throws_for, {1, 2, 3})); }), report);
  EXPECT_EQ(stderr_of([&] { static_cast<void>(fanout::serial_executor().map(throws_for, {1, 2, 3})); }), report);
  EXPECT_EQ(stderr_of([&] { static_cast<void>(fanout::serial_executor().map(throws_for, {1, 2, 3}).results()); }),
            report);
}

TEST(UnseenErrors, AreNotReportedIfSomebodyLooked) {
  EXPECT_EQ(stderr_of([] {
              fanout::thread_pool pool(2);
              EXPECT_THROW(pool.submit(throws).get(), std::runtime_error);
              EXPECT_THROW(pool.map([](int) { return throws(); }, {1, 2}).get(), std::runtime_error);
              for (auto&& outcome : pool.map([](int) { return throws(); }, {1, 2}).results()) {
                EXPECT_FALSE(outcome.has_value());
              }
              auto awaits = []() -> task<> { co_await fanout::spawn(fails()); };
              EXPECT_THROW(fanout::run(awaits()), std::runtime_error);
              auto takes_the_first = []() -> task<> {
                std::vector<task<int>> tasks;
                tasks.push_back(value(1));
                tasks.push_back(fails());
                auto done = fanout::as_completed(std::move(tasks));
                EXPECT_EQ(co_await done.next(), 1);  // the others were given up, and asked to stop
              };
              fanout::run(takes_the_first());
              auto groups = []() -> task<> {
                co_await fanout::with_task_group([](fanout::task_group& g) -> task<> {
                  static_cast<void>(g.spawn(fails()));
                  co_return;
                });
              };
              EXPECT_THROW(fanout::run(groups()), std::runtime_error);
            }),
            "");
}

TEST(UnseenErrors, CancelledIsNone) {
  EXPECT_EQ(stderr_of([] {
              auto cancels = []() -> task<> {
                fanout::spawn(value(1)).cancel();
                static_cast<void>(fanout::spawn(value(2)));  // left over when run() ends
                co_return;
              };
              fanout::run(cancels());
              fanout::thread_pool pool(1);
              promise<void> go;
              auto first = pool.submit([f = go.get_future()]() mutable { f.wait(); });
              EXPECT_TRUE(pool.submit(throws).cancel());
              go.set({});
              first.get();
            }),
            "");
}

}  // namespace
