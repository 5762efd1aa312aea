// SPDX-License-Identifier: Apache-2.0
// How far future::cancel goes, by what the task is doing: T16.
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "fanout/errors.hpp"
#include "fanout/stop.hpp"
#include "support.hpp"
#include "tasks.hpp"

namespace {

using namespace std::chrono_literals;
using fanout::cancel_mode;
using fanout::cancelled;
using fanout::process_pool;
using fanout_test::event_file;
using fanout_test::own_pid;
using fanout_test::square;

class ProcessPoolCancel : public fanout_test::each_start_method {};
FANOUT_FOR_EACH_START_METHOD(ProcessPoolCancel);

TEST_P(ProcessPoolCancel, OfAQueuedTaskKeepsItFromRunning) {  // T16
  process_pool pool(options(1));
  const event_file begun, let_go, ran;
  auto running = pool.submit(fanout_test::begin_and_wait, begun.path(), let_go.path());
  for (const auto mode : {cancel_mode::cooperative, cancel_mode::kill}) {
    auto queued = pool.submit([](const std::string& path) { event_file::set(path); }, ran.path());
    EXPECT_TRUE(queued.cancel(mode));
    EXPECT_THROW(queued.get(), cancelled);
  }
  let_go.set();
  EXPECT_EQ(running.get(), 1) << "what runs goes on, by force too";
  EXPECT_TRUE(fanout_test::still_works(pool));
  EXPECT_FALSE(ran.is_set());
}

/// Quick, unless it is told to wait.
int wait_if_told(const std::string& begun, const std::string& let_go, const std::string& ran) {
  if (!ran.empty()) event_file::set(ran);
  if (!begun.empty()) fanout_test::begin_and_wait(begun, let_go);
  return ::getpid();
}

/// A worker that is at one task, and was sent more: it takes them all to be quick.
class worker_with_work_ahead {
 public:
  explicit worker_with_work_ahead(process_pool& pool) : pool_(pool) {
    for (int i = 0; i < 50; ++i) pid_ = pool.submit(wait_if_told, none_, none_, none_).get();
    first_ = pool.submit(wait_if_told, begun_.path(), let_go_.path(), none_);
    EXPECT_TRUE(begun_.wait());
  }
  /// A task that it has, and has not begun.
  fanout::future<int> send_one(const std::string& ran) {
    auto sent = pool_.submit(wait_if_told, none_, none_, ran);
    EXPECT_TRUE(fanout_test::eventually([&] { return pool_.stats().queued == 0; }));
    return sent;
  }
  /// True: it is the same process as ever.
  bool ends_in_peace() {
    let_go_.set();
    return first_.get() == pid_ && pool_.submit(own_pid).get() == pid_;
  }

 private:
  const std::string none_;  // always of the same type: the pool knows calls by that too
  process_pool& pool_;
  const event_file begun_, let_go_;
  pid_t pid_ = 0;
  fanout::future<int> first_;
};

TEST_P(ProcessPoolCancel, OfATaskThatWasSentAheadKeepsItFromRunning) {  // T16
  process_pool pool(options(1));
  worker_with_work_ahead worker(pool);
  const event_file first_ran, second_ran, third_ran;
  auto first = worker.send_one(first_ran.path());
  auto second = worker.send_one(second_ran.path());
  auto third = worker.send_one(third_ran.path());
  EXPECT_TRUE(second.cancel());
  EXPECT_THROW(static_cast<void>(second.get()), cancelled);
  EXPECT_TRUE(third.cancel(cancel_mode::kill)) << "nobody has to die for it";
  EXPECT_THROW(static_cast<void>(third.get()), cancelled);
  EXPECT_TRUE(worker.ends_in_peace());
  EXPECT_GT(first.get(), 0);
  EXPECT_TRUE(first_ran.is_set());
  EXPECT_FALSE(second_ran.is_set());
  EXPECT_FALSE(third_ran.is_set());
}

int until_stopped(fanout::stop_token token, const std::string& begun) {
  event_file::set(begun);
  while (!token.stop_requested()) std::this_thread::sleep_for(1ms);
  throw cancelled();
}

TEST_P(ProcessPoolCancel, AsksARunningTaskThatTakesATokenToStop) {  // T16
  process_pool pool(options(1));
  const pid_t worker = pool.submit(own_pid).get();
  const event_file begun;
  auto running = pool.submit(until_stopped, begun.path());
  ASSERT_TRUE(begun.wait());
  EXPECT_TRUE(running.cancel());
  EXPECT_TRUE(running.cancel()) << "again, while it stops, or it has ended by then";
  EXPECT_THROW(static_cast<void>(running.get()), cancelled);
  EXPECT_EQ(pool.submit(own_pid).get(), worker) << "which it does by itself";
  EXPECT_EQ(pool.stats().died, 0U);
}

TEST_P(ProcessPoolCancel, MayBeAnsweredWithAResult) {
  process_pool pool(options(1));
  const event_file begun;
  auto running = pool.submit(
      [](fanout::stop_token token, const std::string& path) {
        std::atomic<bool> asked = false;
        const fanout::stop_callback callback(token, [&] {  // in another thread: the task may be blocked in a wait
          asked = true;
          asked.notify_one();
        });
        event_file::set(path);
        asked.wait(false);
        return 7;
      },
      begun.path());
  ASSERT_TRUE(begun.wait());
  EXPECT_TRUE(running.cancel());
  EXPECT_EQ(running.get(), 7);
}

TEST_P(ProcessPoolCancel, AsksOnlyTheTaskThatItIsAbout) {
  process_pool pool(options(1));
  for (int i = 0; i < 20; ++i) {
    const event_file begun, next_begun;
    auto running = pool.submit(until_stopped, begun.path());
    auto next = pool.submit(
        [](fanout::stop_token token, const std::string& path) {
          event_file::set(path);
          return token.stop_requested();
        },
        next_begun.path());
    ASSERT_TRUE(begun.wait());
    EXPECT_TRUE(running.cancel());
    EXPECT_THROW(static_cast<void>(running.get()), cancelled);
    EXPECT_FALSE(next.get());
  }
}

TEST_P(ProcessPoolCancel, OfATaskThatTakesNoTokenNeedsForce) {  // T16
  process_pool pool(options(1));
  const pid_t worker = pool.submit(own_pid).get();
  const event_file begun;
  auto stuck = pool.submit(fanout_test::begin_and_hang, begun.path());
  ASSERT_TRUE(begun.wait());
  EXPECT_FALSE(stuck.cancel());
  EXPECT_FALSE(stuck.ready());
  EXPECT_TRUE(stuck.cancel(cancel_mode::kill));
  EXPECT_THROW(stuck.get(), cancelled);
  EXPECT_NE(pool.submit(own_pid).get(), worker) << "another took its place";
  EXPECT_TRUE(fanout_test::is_gone(worker));
  EXPECT_TRUE(fanout_test::still_works(pool));
}

/// Quick, unless it is told to hang.
int hang_if_told(const std::string& begun) {
  if (!begun.empty()) fanout_test::begin_and_hang(begun);
  return ::getpid();
}

TEST_P(ProcessPoolCancel, ByForceCostsNobodyElse) {  // T16
  process_pool pool(options(1));
  const std::string nothing;
  for (int i = 0; i < 50; ++i) EXPECT_GT(pool.submit(hang_if_told, nothing).get(), 0);
  const event_file begun;
  auto stuck = pool.submit(hang_if_told, begun.path());
  std::vector<fanout::future<int>> sent_ahead;
  for (int i = 0; i < 10; ++i) sent_ahead.push_back(pool.submit(hang_if_told, nothing));
  ASSERT_TRUE(begun.wait());
  EXPECT_TRUE(stuck.cancel(cancel_mode::kill));
  EXPECT_THROW(static_cast<void>(stuck.get()), cancelled);
  for (auto& each : sent_ahead) EXPECT_GT(each.get(), 0);
  EXPECT_EQ(pool.stats().died, 1U);
}

TEST_P(ProcessPoolCancel, OfATaskThatHasEndedDoesNothing) {  // T16
  process_pool pool(options(1));
  auto ended = pool.submit(own_pid);
  ended.wait();
  EXPECT_FALSE(ended.cancel());
  EXPECT_FALSE(ended.cancel(cancel_mode::kill));
  const pid_t worker = ended.get();
  EXPECT_EQ(pool.submit(own_pid).get(), worker);
}

TEST_P(ProcessPoolCancel, MayComeAtAnyMoment) {
  process_pool pool(options(2));
  int ended = 0;
  for (int i = 0; i < 500; ++i) {
    auto task = pool.submit(square, i);
    for (int spins = i % 50 * 20; spins > 0; --spins) std::atomic_signal_fence(std::memory_order_seq_cst);
    const auto mode = i % 4 == 0 ? cancel_mode::kill : cancel_mode::cooperative;
    const bool stopped = task.cancel(mode);
    try {
      EXPECT_EQ(task.get(), square(i));
      EXPECT_FALSE(stopped && mode == cancel_mode::cooperative) << "what was kept from running has no result";
    } catch (const cancelled&) {
      EXPECT_TRUE(stopped);
    }
    ++ended;
  }
  EXPECT_EQ(ended, 500);
  EXPECT_TRUE(fanout_test::still_works(pool));
}

}  // namespace
