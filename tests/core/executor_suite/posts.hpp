// SPDX-License-Identifier: Apache-2.0
// Every executor: what is posted runs once, soon, never inside post().
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <memory>
#include <thread>
#include <vector>

#include "executor_suite/fixture.hpp"

namespace fanout_test {

template <class Traits>
class ExecutorPosts : public executor_suite<Traits> {};
TYPED_TEST_SUITE_P(ExecutorPosts);

TYPED_TEST_P(ExecutorPosts, RunInTheirOrder) {
  constexpr int posts = 1000;
  journal<int> order;
  promise<void> all;
  auto main = [&]() -> fanout::task<> {
    for (int i = 0; i < posts; ++i) {
      this->executor().post([&, i] {
        EXPECT_TRUE(this->is_here());
        if (order.note(i) == posts) all.set({});
      });
    }
    if (TypeParam::one_thread()) EXPECT_EQ(order.size(), 0U) << "a post ran inside post()";
    co_await all.get_future();
  };
  this->run(main());
  EXPECT_EQ(order.size(), std::size_t{posts});
  if (TypeParam::one_thread()) EXPECT_TRUE(std::ranges::is_sorted(order.entries()));
}

TYPED_TEST_P(ExecutorPosts, OfManyThreadsRunOnceEach) {
  constexpr int threads = 4, posts = 2000;
  std::vector<std::atomic<int>> runs(std::size_t{threads} * posts);
  std::array<journal<int>, threads> orders;
  std::atomic<int> ran = 0;
  promise<void> all;
  std::vector<std::jthread> posters;
  for (int t = 0; t < threads; ++t) {
    posters.emplace_back([&, t] {
      for (int i = 0; i < posts; ++i) {
        this->executor().post([&, t, i] {
          ++runs[static_cast<std::size_t>(t * posts + i)];
          orders[static_cast<std::size_t>(t)].note(i);
          if (++ran == threads * posts) all.set({});
        });
      }
    });
  }
  this->run(result_of(all.get_future()));
  posters.clear();
  EXPECT_TRUE(std::ranges::all_of(runs, [](const auto& times) { return times == 1; }));
  if (TypeParam::one_thread()) {
    for (const auto& order : orders) EXPECT_TRUE(std::ranges::is_sorted(order.entries()));
  }
}

TYPED_TEST_P(ExecutorPosts, AreNeverMissedByAnExecutorThatGoesToSleep) {
  // Each side acts only when the other has, and no timer is armed: a missed wake-up hangs the test.
  std::atomic<int> pongs = 0;
  promise<void> last;
  std::jthread other([&] {
    for (int sent = 1; sent <= 5000; ++sent) {
      this->executor().post([&] { ++pongs; });
      while (pongs < sent) std::this_thread::yield();
    }
    last.set({});
  });
  this->run(result_of(last.get_future()));
  EXPECT_EQ(pongs, 5000);
}

TYPED_TEST_P(ExecutorPosts, RunBeforeTheExecutorIsGone) {
  std::atomic<int> ran = 0;
  auto& executor = this->executor();
  executor.post([&] { ++ran; });
  executor.post([&] { executor.post([&] { ++ran; }); });
  this->destroy();
  EXPECT_EQ(ran, 2);
}

TYPED_TEST_P(ExecutorPosts, MayBeMoveOnlyAndAreGoneWhenTheyHaveRun) {
  const auto held = std::make_shared<int>(1);
  std::atomic<int> sum = 0;
  this->executor().post([&sum, held, p = std::make_unique<int>(2)] { sum += *held + *p; });
  this->destroy();
  EXPECT_EQ(sum, 3);
  EXPECT_EQ(held.use_count(), 1);
}

REGISTER_TYPED_TEST_SUITE_P(ExecutorPosts, RunInTheirOrder, OfManyThreadsRunOnceEach,
                            AreNeverMissedByAnExecutorThatGoesToSleep, RunBeforeTheExecutorIsGone,
                            MayBeMoveOnlyAndAreGoneWhenTheyHaveRun);

}  // namespace fanout_test
