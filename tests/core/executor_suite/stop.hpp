// SPDX-License-Identifier: Apache-2.0
// Every executor: how a stop request gets to a coroutine.
#pragma once

#include <atomic>
#include <cstddef>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "executor_suite/fixture.hpp"
#include "fanout/as_completed.hpp"
#include "fanout/gather.hpp"
#include "fanout/spawn.hpp"
#include "fanout/task_group.hpp"
#include "fanout/timeout.hpp"

namespace fanout_test {

template <class Traits>
class ExecutorStop : public executor_suite<Traits> {
 protected:
  /// Every way to wait for what never comes.
  std::vector<fanout::task<>> waits() {
    std::vector<fanout::task<>> all;
    all.push_back(note(until_stopped(stopped)));
    all.push_back(note(result_of(never.get_future())));
    all.push_back(note(fanout::gather(until_stopped(stopped), until_stopped(stopped))));
    all.push_back(note(fanout::timeout(24h, until_stopped(stopped))));
    all.push_back(note(fanout::with_task_group(
        [this](fanout::task_group& g) -> fanout::task<> { co_await g.spawn(until_stopped(stopped)); })));
    all.push_back(note(next()));
    return all;
  }

  promise<void> never, never_either;
  std::atomic<int> stopped = 0;
  std::atomic<std::size_t> waiting = 0, woken = 0;

 private:
  /// Counts who is about to wait, and who has gone on after that.
  template <class T>
  fanout::task<> note(fanout::task<T> wait) {
    ++waiting;
    try {
      co_await std::move(wait);
      ADD_FAILURE() << "it was not stopped";
    } catch (const fanout::cancelled&) {
      EXPECT_TRUE(this->is_here());
      ++woken;
      throw;
    }
  }

  fanout::task<> next() {
    std::vector<fanout::future<void>> futures;
    futures.push_back(never_either.get_future());
    auto range = fanout::as_completed(std::move(futures));
    co_await range.next();
  }
};
TYPED_TEST_SUITE_P(ExecutorStop);

TYPED_TEST_P(ExecutorStop, RequestsArriveByScheduling) {
  auto main = [this]() -> fanout::task<> {
    std::vector<fanout::future<void>> futures;
    for (auto& wait : this->waits()) futures.push_back(fanout::spawn(std::move(wait)));
    while (this->waiting < futures.size()) co_await fanout::yield();
    for (auto& f : futures) EXPECT_TRUE(f.cancel());
    if (TypeParam::one_thread()) EXPECT_EQ(this->woken, 0U) << "a coroutine went on inside cancel()";
    for (auto& f : futures) EXPECT_EQ(co_await error_of(result_of(std::move(f))), "cancelled");
    EXPECT_EQ(this->woken, futures.size());
  };
  this->run(main());
}

TYPED_TEST_P(ExecutorStop, RequestsOfOtherThreadsArriveHere) {
  auto main = [this]() -> fanout::task<> {
    std::vector<fanout::future<void>> futures;
    for (auto& wait : this->waits()) futures.push_back(fanout::spawn(std::move(wait)));
    promise<void> all_asked;
    std::jthread other([&] {
      for (auto& f : futures) EXPECT_TRUE(f.cancel());
      all_asked.set({});
    });
    co_await all_asked.get_future();  // a future is for one thread at a time
    for (auto& f : futures) EXPECT_EQ(co_await error_of(result_of(std::move(f))), "cancelled");
    EXPECT_EQ(this->woken, futures.size());
  };
  this->run(main());
}

TYPED_TEST_P(ExecutorStop, IsSticky) {
  std::atomic<int> stops = 0;
  auto stubborn = [&]() -> fanout::task<> {
    EXPECT_EQ(co_await error_of(until_stopped(this->stopped)), "cancelled");
    EXPECT_TRUE((co_await fanout::this_task::get_stop_token()).stop_requested());
    for (auto& wait : this->waits()) {
      EXPECT_EQ(co_await error_of(std::move(wait)), "cancelled");
      ++stops;
    }
    EXPECT_EQ(co_await error_of(value(1)), "cancelled");  // yield
    ++stops;
  };
  EXPECT_THROW(this->run(fanout::gather(stubborn(), fails())), std::runtime_error);
  EXPECT_EQ(stops, 7);
}

TYPED_TEST_P(ExecutorStop, GetsAYieldingTaskOut) {
  auto yields = []() -> fanout::task<> {
    for (;;) co_await fanout::yield();
  };
  EXPECT_THROW(this->run(fanout::gather(yields(), fails())), std::runtime_error);
}

TYPED_TEST_P(ExecutorStop, DoesNotDisturbATaskThatDoesNotWait) {
  auto main = []() -> fanout::task<int> {
    auto works = []() -> fanout::task<int> {
      int sum = 0;
      for (int i = 0; i < 10; ++i) sum += co_await [](int x) -> fanout::task<int> { co_return x; }(i);
      co_return sum;
    };
    auto f = fanout::spawn(works());
    f.cancel();
    co_return co_await std::move(f);
  };
  EXPECT_EQ(this->run(main()), 45);
}

TYPED_TEST_P(ExecutorStop, ThatRacesWithTheResultLosesNeither) {
  for (int round = 0; round < 300; ++round) {
    promise<int> p;
    auto main = [&]() -> fanout::task<std::string> {
      auto f = fanout::spawn(result_of(p.get_future()));
      std::jthread other([&] { p.set(1); });
      if (round % 2 == 0) co_await fanout::yield();
      f.cancel();
      co_return co_await error_of(result_of(std::move(f)));
    };
    const auto ended = this->run(main());
    EXPECT_TRUE(ended == "nothing" || ended == "cancelled") << ended;
  }
}

REGISTER_TYPED_TEST_SUITE_P(ExecutorStop, RequestsArriveByScheduling, RequestsOfOtherThreadsArriveHere, IsSticky,
                            GetsAYieldingTaskOut, DoesNotDisturbATaskThatDoesNotWait,
                            ThatRacesWithTheResultLosesNeither);

}  // namespace fanout_test
