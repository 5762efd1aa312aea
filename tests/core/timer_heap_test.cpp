// SPDX-License-Identifier: Apache-2.0
#include "core/timer_heap.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <random>
#include <vector>

namespace {

using fanout::timer_op;
using fanout::detail::timer_heap;

void nothing(fanout::op&) noexcept {}

fanout::time_point at(int nanoseconds) { return fanout::time_point(fanout::duration(nanoseconds)); }

TEST(TimerHeap, GivesTheEarliestFirstAndEqualOnesInTheirOrder) {
  timer_heap heap;
  timer_op late(&nothing), first(&nothing), second(&nothing);
  heap.insert(late, at(9));
  heap.insert(first, at(5));
  heap.insert(second, at(5));
  for (timer_op* expected : {&first, &second, &late}) {
    EXPECT_EQ(&heap.earliest(), expected);
    heap.erase(*expected);
    EXPECT_EQ(expected->heap_index, timer_op::not_queued);
  }
  EXPECT_TRUE(heap.empty());
}

TEST(TimerHeap, SurvivesRandomInsertionsAndRemovals) {
  std::mt19937 random(42);
  timer_heap heap;
  std::deque<timer_op> timers;
  std::vector<timer_op*> armed;
  for (int step = 0; step < 20'000; ++step) {
    if (armed.empty() || random() % 3 != 0) {
      armed.push_back(&timers.emplace_back(&nothing));
      heap.insert(*armed.back(), at(static_cast<int>(random() % 1000)));
    } else {
      const auto victim = armed.begin() + static_cast<std::ptrdiff_t>(random() % armed.size());
      heap.erase(**victim);
      armed.erase(victim);
    }
    if (armed.empty()) continue;
    const auto earliest = *std::min_element(armed.begin(), armed.end(),
                                            [](const auto* a, const auto* b) { return a->deadline < b->deadline; });
    ASSERT_EQ(heap.earliest().deadline, earliest->deadline);
  }
}

}  // namespace
