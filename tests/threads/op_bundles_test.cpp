// SPDX-License-Identifier: Apache-2.0
#include "threads/op_bundles.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <deque>
#include <random>

#include "fanout/executor.hpp"

namespace {

using fanout::op;
using fanout::detail::op_bundles;

struct numbered : op {
  explicit numbered(int n) noexcept : op([](op&) noexcept {}), number(n) {}
  int number;
};

/// Takes `most` at most; their numbers follow on `next`. How many there were.
template <std::size_t size>
std::size_t take(op_bundles<size>& queue, std::size_t most, int& next) {
  const auto taken = queue.take(most);
  op* at = taken.first;
  for (std::size_t i = 0; i < taken.count; ++i, at = at->next) EXPECT_EQ(static_cast<numbered*>(at)->number, next++);
  return taken.count;
}

TEST(OpBundles, AreTakenWholeAndInOrder) {
  op_bundles<4> queue;
  EXPECT_TRUE(queue.empty());
  EXPECT_EQ(queue.take(4).count, 0U);
  std::deque<numbered> ops;
  for (int i = 0; i < 10; ++i) queue.push(ops.emplace_back(i));
  int next = 0;
  EXPECT_EQ(take(queue, 4, next), 4U);
  EXPECT_EQ(take(queue, 9, next), 4U);  // what is more than a bundle comes next time
  EXPECT_EQ(take(queue, 4, next), 2U);
  EXPECT_TRUE(queue.empty());
}

TEST(OpBundles, AreCutWhereLessIsWanted) {
  op_bundles<4> queue;
  std::deque<numbered> ops;
  for (int i = 0; i < 7; ++i) queue.push(ops.emplace_back(i));
  int next = 0;
  EXPECT_EQ(take(queue, 1, next), 1U);
  EXPECT_EQ(take(queue, 2, next), 2U);
  EXPECT_EQ(take(queue, 2, next), 1U);
  EXPECT_EQ(take(queue, 2, next), 2U);
  for (int i = 7; i < 9; ++i) queue.push(ops.emplace_back(i));
  EXPECT_EQ(take(queue, 4, next), 3U);
}

TEST(OpBundles, DoAsAQueueDoes) {
  for (unsigned seed = 0; seed < 20; ++seed) {
    std::mt19937 random(seed);
    op_bundles<8> queue;
    std::deque<numbered> ops;
    int next = 0;
    std::size_t there = 0;
    for (int step = 0; step < 5000; ++step) {
      if (random() % 2 == 0) {
        const std::size_t count = random() % 4 == 0 ? 1 + random() % 20 : 1;
        op* const first = &ops.emplace_back(static_cast<int>(ops.size()));
        op* last = first;
        for (std::size_t i = 1; i < count; ++i) {
          last->next = &ops.emplace_back(static_cast<int>(ops.size()));
          last = last->next;
        }
        queue.push_all(*first, *last, count);
        there += count;
      } else {
        const std::size_t most = 1 + random() % 10;
        const std::size_t taken = take(queue, most, next);
        EXPECT_LE(taken, most);
        EXPECT_EQ(taken == 0, there == 0);
        there -= taken;
      }
      ASSERT_EQ(queue.empty(), there == 0);
    }
  }
}

}  // namespace
