// SPDX-License-Identifier: Apache-2.0
// A use of every line of the public face (DESIGN.md, section 3) that exists, as a program outside this repository would
// write it; the process pool's lines are in process_face_test.cpp, Asio's in asio_face_test.cpp. What does not exist
// yet is in missing_test.cpp.
#include <gtest/gtest.h>
#include <fanout/fanout.hpp>

#include <atomic>
#include <chrono>
#include <concepts>
#include <csignal>
#include <functional>
#include <memory>
#include <optional>
#include <ranges>
#include <stdexcept>
#include <string>
#include <thread>
#include <tuple>
#include <variant>
#include <vector>

namespace {

using namespace std::chrono_literals;

// --- duration, errors, result

static_assert(std::same_as<fanout::duration, std::chrono::nanoseconds>);
static_assert(std::derived_from<fanout::error, std::runtime_error>);
static_assert(std::derived_from<fanout::timed_out, fanout::error>);
static_assert(std::derived_from<fanout::pool_closed, fanout::error>);
static_assert(std::derived_from<fanout::pool_broken, fanout::error>);
static_assert(std::derived_from<fanout::serialization_error, fanout::error>);
static_assert(std::derived_from<fanout::not_importable, fanout::error>);
static_assert(std::derived_from<fanout::memory_limit_exceeded, fanout::error>);
static_assert(std::derived_from<fanout::node_lost, fanout::error>);
static_assert(std::derived_from<fanout::remote_error, fanout::error>);
static_assert(std::derived_from<fanout::worker_died, fanout::error>);
static_assert(std::derived_from<fanout::channel_closed, fanout::error>);
static_assert(!std::derived_from<fanout::cancelled, std::exception>);
static_assert(std::same_as<fanout::result<int>, std::expected<int, std::exception_ptr>>);
static_assert(std::same_as<fanout::result<int&>, std::expected<std::reference_wrapper<int>, std::exception_ptr>>);

TEST(Face, ErrorsTellWhatHappened) {
  const fanout::remote_error remote("their::error", "it broke");
  EXPECT_EQ(remote.type(), "their::error");
  EXPECT_STREQ(remote.what(), "it broke");
  const fanout::worker_died died("worker 4711 died: SIGSEGV", 11, 0, 4711);
  EXPECT_EQ(died.signal(), 11);
  EXPECT_EQ(died.exit_code(), 0);
  EXPECT_EQ(died.pid(), 4711);
  EXPECT_STREQ(fanout::cancelled().what(), "cancelled");
}

// --- stop

fanout::task<bool> asked_to_stop() { co_return (co_await fanout::this_task::get_stop_token()).stop_requested(); }

TEST(Face, StopSourceTokenCallback) {
  fanout::stop_source source;
  const fanout::stop_token token = source.get_token();
  bool called = false;
  fanout::stop_callback callback(token, [&] { called = true; });
  EXPECT_TRUE(token.stop_possible());
  EXPECT_TRUE(source.request_stop());
  EXPECT_TRUE(token.stop_requested() && called);
  const fanout::stop_source chained(token);
  EXPECT_TRUE(chained.stop_requested());
  EXPECT_FALSE(fanout::run(asked_to_stop()));
}

// --- future

static_assert(!std::copy_constructible<fanout::future<int>> && std::movable<fanout::future<int>>);

TEST(Face, FutureBlocksThreads) {
  fanout::thread_pool pool(2);
  fanout::future<int> f = pool.submit([] { return 1; });
  f.wait();
  EXPECT_TRUE(f.wait_for(1min));
  EXPECT_TRUE(f.ready() && f.valid());
  EXPECT_FALSE(f.cancel());
  EXPECT_FALSE(f.cancel(fanout::cancel_mode::cooperative));
  EXPECT_FALSE(f.cancel(fanout::cancel_mode::kill));
  EXPECT_EQ(f.get(), 1);
  EXPECT_FALSE(f.valid());
}

TEST(Face, AsCompletedServesThreadsAndCoroutines) {
  fanout::thread_pool pool(2);
  const auto submit = [&] {
    std::vector<fanout::future<int>> futures;
    for (int i = 0; i < 3; ++i) futures.push_back(pool.submit([i] { return i; }));
    return futures;
  };
  int sum = 0;
  for (auto&& f : fanout::as_completed(submit())) sum += f.get();
  for (auto f : fanout::as_completed(submit())) sum += f.get();
  auto in_coroutine = [&]() -> fanout::task<int> {
    int own = 0;
    auto range = fanout::as_completed(submit());
    while (auto f = co_await range.next()) own += co_await std::move(*f);
    co_return own;
  };
  EXPECT_EQ(sum + fanout::run(in_coroutine()), 9);
}

TEST(Face, WaitDividesFutures) {
  fanout::thread_pool pool(2);
  const auto submit = [&] {
    std::vector<fanout::future<int>> futures;
    for (int i = 0; i < 3; ++i) futures.push_back(pool.submit([i] { return i; }));
    return futures;
  };
  auto [done, not_done] = fanout::wait(submit(), fanout::return_when::all_completed, 1min);
  EXPECT_EQ(done.size(), 3U);
  EXPECT_TRUE(not_done.empty());
  auto first = fanout::wait(submit(), fanout::return_when::first_completed);
  EXPECT_GE(first.done.size(), 1U);
  EXPECT_EQ(first.done.size() + first.not_done.size(), 3U);
}

// --- task, gather, sleep

template <class Number>
concept sleepable = requires(Number number) { fanout::sleep(number); };
static_assert(!sleepable<int> && !sleepable<long> && sleepable<fanout::duration>);

fanout::task<int> number(int x) {
  co_await fanout::sleep(1ms);
  co_await fanout::sleep(0.001s);
  co_await fanout::sleep_until(std::chrono::steady_clock::now());
  co_await fanout::yield();
  co_return x;
}
fanout::task<> nothing() { co_return; }
fanout::task<int> failure() {
  co_await fanout::yield();
  throw std::invalid_argument("on purpose");
}
fanout::task<> until_asked_to_stop(bool& was_asked) {
  try {
    co_await fanout::sleep(24h);
  } catch (const fanout::cancelled&) {
    was_asked = true;
    throw;
  }
}

TEST(Face, GatherGivesTuplesAndVectors) {
  auto main = []() -> fanout::task<> {
    std::tuple<int, std::monostate> both = co_await fanout::gather(number(1), nothing());
    EXPECT_EQ(std::get<0>(both), 1);

    std::vector<fanout::task<int>> tasks;
    tasks.push_back(number(2));
    std::vector<int> numbers = co_await fanout::gather(std::move(tasks));
    EXPECT_EQ(numbers, std::vector{2});

    std::vector<fanout::task<>> nothings;
    nothings.push_back(nothing());
    co_await fanout::gather(std::move(nothings));

    std::tuple<fanout::result<int>, fanout::result<void>> outcomes =
        co_await fanout::gather(fanout::return_exceptions, number(3), nothing());
    EXPECT_EQ(std::get<0>(outcomes).value(), 3);

    std::vector<fanout::task<int>> some_fail;
    some_fail.push_back(failure());
    some_fail.push_back(number(4));
    std::vector<fanout::result<int>> each = co_await fanout::gather(fanout::return_exceptions, std::move(some_fail));
    EXPECT_FALSE(each[0].has_value());
    EXPECT_EQ(each[1].value(), 4);
  };
  fanout::run(main());
}

TEST(Face, TheFirstErrorStopsWhatIsGathered) {
  bool was_asked = false;
  auto main = [&]() -> fanout::task<> { co_await fanout::gather(until_asked_to_stop(was_asked), failure()); };
  EXPECT_THROW(fanout::run(main()), std::invalid_argument);
  EXPECT_TRUE(was_asked);
}

TEST(Face, SpawnStartsATask) {
  auto main = []() -> fanout::task<int> {
    fanout::future<int> f = fanout::spawn(number(3));
    fanout::future<void> left_over = fanout::spawn(fanout::task<>(nothing()));
    co_return co_await std::move(f);
  };
  EXPECT_EQ(fanout::run(main()), 3);
}

TEST(Face, TimeoutStopsATask) {
  bool was_asked = false;
  auto main = [&]() -> fanout::task<> {
    EXPECT_EQ(co_await fanout::timeout(1min, number(5)), 5);
    co_await fanout::timeout(1ms, until_asked_to_stop(was_asked));
  };
  EXPECT_THROW(fanout::run(main()), fanout::timed_out);
  EXPECT_TRUE(was_asked);
}

TEST(Face, AsCompletedServesTasks) {
  auto main = []() -> fanout::task<> {
    std::vector<fanout::task<int>> tasks;
    tasks.push_back(number(1));
    tasks.push_back(failure());
    tasks.push_back(number(2));
    int sum = 0, errors = 0;
    auto done = fanout::as_completed(std::move(tasks));
    for (;;) {
      try {
        auto next = co_await done.next();
        if (!next) break;
        sum += *next;
      } catch (const std::invalid_argument&) {
        ++errors;
      }
    }
    EXPECT_EQ(sum, 3);
    EXPECT_EQ(errors, 1);
  };
  fanout::run(main());
}

TEST(Face, TaskGroupsJoin) {
  int sum = 0;
  auto main = [&]() -> fanout::task<> {
    co_await fanout::with_task_group([&](fanout::task_group& g) -> fanout::task<> {
      auto add = [](int& to, int x) -> fanout::task<> { to += co_await number(x); };
      g.spawn(add(sum, 1));
      g.spawn(add(sum, 2));
      co_return;
    });
    EXPECT_EQ(sum, 3);
  };
  fanout::run(main());
}

// --- event, mutex, semaphore, channel

TEST(Face, Event) {
  fanout::event e;
  auto wait = [&]() -> fanout::task<> { co_await e.wait(); };
  auto set = [&]() -> fanout::task<> {
    e.set();
    co_return;
  };
  fanout::run(fanout::gather(wait(), set()));
  EXPECT_TRUE(e.is_set());
  e.clear();
  EXPECT_FALSE(e.is_set());
}

TEST(Face, Mutex) {
  fanout::mutex m;
  auto main = [&]() -> fanout::task<> {
    fanout::mutex::guard held = co_await m.lock();
    EXPECT_FALSE(m.try_lock().has_value());
    held.unlock();
    std::optional<fanout::mutex::guard> again = m.try_lock();
    EXPECT_TRUE(again.has_value());
  };
  fanout::run(main());
}

TEST(Face, Semaphore) {
  fanout::semaphore s(1);
  auto main = [&]() -> fanout::task<> {
    fanout::semaphore::permit permit = co_await s.acquire();
    std::optional<fanout::semaphore::permit> another = s.try_acquire();
    EXPECT_FALSE(another.has_value());
    s.release();
    s.release(2);
    permit.release();
    EXPECT_EQ(s.available(), 4U);
  };
  fanout::run(main());
}

TEST(Face, Channel) {
  fanout::channel<std::string> c(1);
  auto send = [&]() -> fanout::task<> {
    co_await c.send("one");
    co_await c.send("two");
    c.close();
    EXPECT_FALSE(c.try_send("three"));
    co_await c.send("three");
  };
  auto receive = [&]() -> fanout::task<std::string> {
    std::string all;
    while (std::optional<std::string> text = co_await c.receive()) all += *text;
    EXPECT_FALSE(c.try_receive().has_value());
    co_return all;
  };
  auto main = [&]() -> fanout::task<> {
    auto [sent, received] = co_await fanout::gather(fanout::return_exceptions, send(), receive());
    EXPECT_EQ(received.value(), "onetwo");
    EXPECT_THROW(std::rethrow_exception(sent.error()), fanout::channel_closed);
  };
  fanout::run(main());
}

// --- executors

static_assert(fanout::executor<fanout::serial_executor> && fanout::pool<fanout::serial_executor>);

TEST(Face, SerialExecutor) {
  fanout::serial_executor serial;
  EXPECT_EQ(serial.submit([](int x) { return x + 1; }, 1).get(), 2);
  EXPECT_EQ(serial.map([](int x) { return -x; }, {1, 2}).get(), (std::vector{-1, -2}));
  EXPECT_EQ(serial.run(number(4)), 4);
  EXPECT_EQ(serial.workers(), 1U);
}

// --- event_loop

static_assert(fanout::executor<fanout::event_loop> && fanout::executor<fanout::thread_pool>);

TEST(Face, EventLoopRunsAndTakesPosts) {
  fanout::event_loop loop;
  bool posted = false;
  loop.post([&] { posted = true; });
  EXPECT_EQ(loop.run(number(4)), 4);
  EXPECT_TRUE(posted);
}

TEST(Face, SignalReceived) {
  auto main = []() -> fanout::task<int> {
    auto received = fanout::spawn(fanout::signal_received(SIGUSR1));
    co_await fanout::yield();  // now it waits
    std::raise(SIGUSR1);
    co_return co_await std::move(received);
  };
  EXPECT_EQ(fanout::run(main()), SIGUSR1);
}

// --- thread_pool

static_assert(fanout::pool<fanout::thread_pool> && !fanout::pool<fanout::event_loop>);

TEST(Face, ThreadPool) {
  fanout::thread_pool_options options;
  options.workers = 2;
  options.name = "face";
  options.stack_size = 1 << 20;
  fanout::thread_pool pool(options);
  EXPECT_EQ(pool.workers(), 2U);
  EXPECT_GE(fanout::default_workers(), 1U);
  const fanout::thread_pool with_defaults;

  EXPECT_EQ(pool.submit([](std::unique_ptr<int> p) { return *p; }, std::make_unique<int>(5)).get(), 5);
  EXPECT_EQ(pool.submit([](fanout::stop_token stop) { return stop.stop_requested(); }).get(), false);

  std::vector<int> inputs{1, 2, 3};
  fanout::mapped<int> mapped = pool.map([](int x) { return x * x; }, inputs, {.chunk = 1});
  EXPECT_EQ(mapped.get(), (std::vector{1, 4, 9}));
  EXPECT_EQ(pool.map([](int x) { return -x; }, {1, 2}).get(), (std::vector{-1, -2}));
  for (fanout::result<int> item : pool.map([](int x) { return x; }, inputs).results()) EXPECT_TRUE(item.has_value());
  pool.map([](int& x) { ++x; }, inputs).get();
  EXPECT_EQ(inputs, (std::vector{2, 3, 4}));
  auto in_coroutine = [&]() -> fanout::task<std::vector<int>> {
    co_return co_await pool.map([](int x) { return -x; }, std::vector{1, 2});
  };
  EXPECT_EQ(fanout::run(in_coroutine()), (std::vector{-1, -2}));
  EXPECT_EQ(pool.run(number(6)), 6);
}

TEST(Face, MapHasOptions) {
  fanout::thread_pool pool(2);
  fanout::map_options options;
  options.chunk = 0;
  options.window = 4;
  options.item_timeout = 1h;
  options.ordered = true;
  const auto negative = [](fanout::stop_token, int x) { return -x; };
  EXPECT_EQ(pool.map(negative, {1, 2}, options).get(), (std::vector{-1, -2}));
  int sum = 0;
  for (auto&& item : pool.map(negative, std::views::iota(1), {.window = 4, .ordered = false}).results()) {
    sum += *item;
    if (sum < -10) break;
  }
  auto in_coroutine = [&]() -> fanout::task<> {
    auto results = pool.map(negative, std::views::iota(0)).results();
    std::optional<fanout::result<int>> item = co_await results.next();
    EXPECT_EQ(item->value(), 0);
  };
  fanout::run(in_coroutine());
}

fanout::task<bool> is_elsewhere(fanout::thread_pool& pool, std::thread::id here) {
  co_await pool.schedule();
  co_return std::this_thread::get_id() != here;
}

TEST(Face, ThreadPoolTakesCoroutinesIn) {
  fanout::thread_pool pool(2);
  EXPECT_TRUE(fanout::run(is_elsewhere(pool, std::this_thread::get_id())));
}

TEST(Face, ThreadPoolIsShutDown) {
  fanout::thread_pool pool(2);
  auto last = pool.submit([] { return 1; });
  const fanout::pool_stats stats = pool.stats();
  EXPECT_EQ(stats.workers, 2U);
  EXPECT_TRUE(pool.shutdown(fanout::shutdown_mode::drain, 10s));
  EXPECT_TRUE(pool.shutdown());
  EXPECT_TRUE(pool.shutdown(fanout::shutdown_mode::cancel_pending));
  EXPECT_TRUE(pool.shutdown(fanout::shutdown_mode::kill));
  EXPECT_EQ(last.get(), 1);
  EXPECT_THROW(static_cast<void>(pool.submit([] {})), fanout::pool_closed);
}

TEST(Face, ForEachWorksInPlace) {
  fanout::thread_pool pool(2);
  fanout::serial_executor serial;
  std::vector<int> values{1, 2, 3};
  pool.for_each([](int& x) { ++x; }, values);
  serial.for_each([](int& x) { ++x; }, values);
  EXPECT_EQ(values, (std::vector{3, 4, 5}));
}

TEST(Face, ThreadPoolDrains) {
  std::atomic<int> ran = 0;
  {
    fanout::thread_pool pool(1);
    pool.post([&] { ++ran; });
    static_cast<void>(pool.submit([&] { ++ran; }));
  }
  EXPECT_EQ(ran, 2);
}

}  // namespace
