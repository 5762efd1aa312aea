// SPDX-License-Identifier: Apache-2.0
// Recipes about work: periodic, in stages, on pools, and between threads and a loop.
#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <functional>
#include <future>
#include <semaphore>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "recipe.hpp"

namespace {

// [recipe: Something every second, until Ctrl-C]
fanout::task<> every(fanout::duration period, std::function<void()> action) {
  for (auto next = std::chrono::steady_clock::now();;) {
    action();
    const auto late = std::chrono::steady_clock::now() - next;
    next += (late / period + 1) * period;  // those that were missed are left out
    co_await fanout::sleep_until(next);    // not sleep(period), which would be late by what the action takes
  }
}

fanout::task<int> every_until_signal(fanout::duration period, std::function<void()> action) {
  co_return co_await fanout::with_task_group([&](fanout::task_group& group) -> fanout::task<int> {
    auto ticking = group.spawn(every(period, action));  // if it throws, the group ends with its error
    const int signal = co_await fanout::signal_received(SIGINT, SIGTERM);
    ticking.cancel();
    co_return signal;
  });
}
// [end]

TEST(Cookbook, PeriodicUntilCtrlC) {
  int times = 0;
  const auto action = [&] {
    if (++times == 3) ::kill(::getpid(), SIGINT);
  };
  EXPECT_EQ(fanout::run(every_until_signal(1ms, action)), SIGINT);
  EXPECT_GE(times, 3);
}

TEST(Cookbook, PeriodicHearsCtrlCAlsoIfTheActionTakesTooLong) {
  int times = 0;
  const auto action = [&] {
    const auto end = std::chrono::steady_clock::now() + 2ms;
    while (std::chrono::steady_clock::now() < end) {
    }
    if (++times == 3) ::kill(::getpid(), SIGINT);
  };
  EXPECT_EQ(fanout::run(every_until_signal(1ms, action)), SIGINT);
}

TEST(Cookbook, PeriodicUntilItFails) {
  const auto fails = [] { throw std::runtime_error("no"); };
  EXPECT_THROW(fanout::run(every_until_signal(1ms, fails)), std::runtime_error);
}

// [recipe: A pipeline]
fanout::task<> produce(std::vector<std::string> input, fanout::channel<std::string>& lines) {
  for (auto& line : input) co_await lines.send(std::move(line));  // waits while the channel is full
  lines.close();
}

fanout::task<> parse(fanout::channel<std::string>& lines, fanout::channel<long>& numbers) {
  while (const auto line = co_await lines.receive()) co_await numbers.send(std::stol(*line));
}

fanout::task<> parse_with_two(fanout::channel<std::string>& lines, fanout::channel<long>& numbers) {
  co_await fanout::gather(parse(lines, numbers), parse(lines, numbers));
  numbers.close();  // when both have ended
}

fanout::task<long> sum_of(std::vector<std::string> input) {
  fanout::channel<std::string> lines(16);
  fanout::channel<long> numbers(16);
  co_return co_await fanout::with_task_group([&](fanout::task_group& stages) -> fanout::task<long> {
    stages.spawn(produce(std::move(input), lines));
    stages.spawn(parse_with_two(lines, numbers));
    long sum = 0;
    while (const auto number = co_await numbers.receive()) sum += *number;
    co_return sum;
  });  // a stage that fails stops the others
}
// [end]

TEST(Cookbook, PipelineSums) {
  std::vector<std::string> input;
  for (int i = 1; i <= 1000; ++i) input.push_back(std::to_string(i));
  EXPECT_EQ(fanout::run(sum_of(input)), 500'500);
}

TEST(Cookbook, PipelineFailsAsAWhole) {
  std::vector<std::string> input(1000, "1");
  input[100] = "one";
  EXPECT_THROW(fanout::run(sum_of(input)), std::invalid_argument);
}

// [recipe: CPU work on a pool]
fanout::task<long> on_both(fanout::thread_pool& threads, fanout::process_pool& processes, long (*work)(long)) {
  auto first = threads.submit(work, 1'000);     // begins now; the loop goes on with other tasks
  auto second = processes.submit(work, 2'000);  // work that might crash, or leak, or must not share memory
  const long sum = co_await std::move(first);
  co_return sum + co_await std::move(second);
}

fanout::task<std::vector<long>> on_all_cores(fanout::pool auto& pool, long (*work)(long), std::vector<long> inputs) {
  co_return co_await pool.map(work, std::move(inputs));  // the same for either kind of pool
}
// [end]

long sum_up_to(long n) {
  long sum = 0;
  for (long i = 1; i <= n; ++i) sum += i;
  return sum;
}

std::binary_semaphore loop_has_gone_on(0);
long that_waits_for_the_loop(long n) {
  loop_has_gone_on.acquire();
  return sum_up_to(n);
}

TEST(Cookbook, CpuWorkOnPools) {
  fanout::thread_pool threads(2);
  fanout::process_pool processes(1);
  EXPECT_EQ(fanout::run(on_both(threads, processes, sum_up_to)), 500'500 + 2'001'000);
  EXPECT_EQ(fanout::run(on_all_cores(threads, sum_up_to, {1, 2, 3, 4})), (std::vector<long>{1, 3, 6, 10}));
  EXPECT_EQ(fanout::run(on_all_cores(processes, sum_up_to, {1, 2, 3, 4})), (std::vector<long>{1, 3, 6, 10}));
}

TEST(Cookbook, CpuWorkDoesNotBlockTheLoop) {
  fanout::thread_pool threads(1);
  auto other_task = []() -> fanout::task<> {
    loop_has_gone_on.release();
    co_return;
  };
  const auto [sums, ignored] =
      fanout::run(fanout::gather(on_all_cores(threads, that_waits_for_the_loop, {4}), other_task()));
  EXPECT_EQ(sums, (std::vector<long>{10}));
}

// [recipe: Between a thread and a loop]
// From a thread into a loop: through a channel, by what does not wait.
fanout::task<long> sum_of_readings(int count) {
  fanout::channel<int> readings(1'000);
  const std::jthread sensor([&] {  // or a callback that some library calls in a thread of its own
    for (int i = 1; i <= count; ++i) {
      if (!readings.try_send(i)) break;  // never waits; false: full
    }
    readings.close();
  });
  long sum = 0;
  while (const auto reading = co_await readings.receive()) sum += *reading;
  co_return sum;
}
// [end]

TEST(Cookbook, FromAThreadIntoALoop) { EXPECT_EQ(fanout::run(sum_of_readings(100)), 5050); }

// [recipe: Between a thread and a loop]
// From a loop to a thread: starts a task on a loop that another thread runs. asyncio.run_coroutine_threadsafe.
template <class T>
fanout::future<T> start_on(fanout::event_loop& loop, fanout::task<T> work) {
  std::promise<fanout::future<T>> started;
  auto result = started.get_future();
  loop.post([work = std::move(work), started = std::move(started)]() mutable {
    started.set_value(fanout::spawn(std::move(work)));
  });
  return result.get();  // as soon as the loop has come to it
}
// [end]

TEST(Cookbook, FromALoopToAThread) {
  fanout::event_loop loop;
  fanout::event enough;
  int answer = 0;
  std::thread::id where;
  auto work = [&](int n) -> fanout::task<int> {
    co_await fanout::yield();
    where = std::this_thread::get_id();
    co_return n + 1;
  };
  const std::jthread asks([&] {
    answer = start_on(loop, work(41)).get();
    enough.set();
  });
  auto until_enough = [&]() -> fanout::task<> { co_await enough.wait(); };
  loop.run(until_enough());
  EXPECT_EQ(answer, 42);
  EXPECT_EQ(where, std::this_thread::get_id());
}

}  // namespace
