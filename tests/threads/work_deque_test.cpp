// SPDX-License-Identifier: Apache-2.0
#include "threads/work_deque.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <thread>
#include <vector>

#include "schedules.hpp"

namespace {

using fanout::op;
using fanout::detail::basic_work_deque;
using fanout_test::schedule;
using fanout_test::scheduled_sync;
using fanout_test::seeds;

void nothing(op&) noexcept {}

struct numbered : op {
  numbered() noexcept : op(&nothing) {}
  std::atomic<int> taken = 0;
};

TEST(WorkDeque, ItsOwnerTakesTheNewestThievesTheOldest) {
  basic_work_deque<> deque;
  std::array<numbered, 4> ops;
  for (op& o : ops) EXPECT_TRUE(deque.push(o));
  EXPECT_EQ(deque.size(), 4U);
  EXPECT_EQ(deque.pop(), &ops[3]);
  EXPECT_EQ(deque.steal(), &ops[0]);
  EXPECT_EQ(deque.steal(), &ops[1]);
  EXPECT_EQ(deque.pop(), &ops[2]);
  EXPECT_TRUE(deque.empty());
  EXPECT_EQ(deque.pop(), nullptr);
  EXPECT_EQ(deque.steal(), nullptr);
}

TEST(WorkDeque, TakesNoMoreThanFitIn) {
  basic_work_deque<fanout::detail::native_sync, 4> deque;
  std::array<numbered, 5> ops;
  for (std::size_t i = 0; i < 4; ++i) EXPECT_TRUE(deque.push(ops[i]));
  EXPECT_FALSE(deque.push(ops[4]));
  EXPECT_EQ(deque.steal(), ops.data());
  EXPECT_TRUE(deque.push(ops[4]));  // around the end of the ring
  EXPECT_EQ(deque.pop(), &ops[4]);
  EXPECT_EQ(deque.pop(), &ops[3]);
}

/// One owner and two thieves, in the order of the seed: what was pushed is taken once, by whomever.
void take_each_once(std::uint32_t seed) {
  basic_work_deque<scheduled_sync, 4> deque;
  std::array<numbered, 7> ops;
  std::vector<op*> refused;
  const auto note = [](op* work) {
    if (work != nullptr) ++static_cast<numbered*>(work)->taken;
    return work != nullptr;
  };
  const auto owner = [&] {
    for (std::size_t i = 0; i < ops.size(); ++i) {
      if (!deque.push(ops[i])) note(&ops[i]);
      if (i % 3 == 2) note(deque.pop());
    }
    while (note(deque.pop())) {
    }
  };
  const auto thief = [&] {
    for (int i = 0; i < 4; ++i) note(deque.steal());
  };
  ASSERT_EQ(schedule(seed).run({owner, thief, thief}), schedule::outcome::all_ended);
  for (std::size_t i = 0; i < ops.size(); ++i) ASSERT_EQ(ops[i].taken, 1) << "op " << i << ", seed " << seed;
}

TEST(WorkDeque, InAnyOrderOfStepsEachIsTakenOnce) {
  for (std::uint32_t seed = 0; seed < seeds && !HasFatalFailure(); ++seed) take_each_once(seed);
}

/// As it would be if the owner did not look again at the last one: to see that the schedules would find it.
struct careless : scheduled_sync {
  template <class T>
  class atomic : public scheduled_sync::atomic<T> {
   public:
    using scheduled_sync::atomic<T>::atomic;
    bool compare_exchange_strong(T& expected, T value, std::memory_order order) {
      const T now = this->load(order);
      if (now != expected) {
        expected = now;
        return false;
      }
      this->store(value, order);  // another may have come between
      return true;
    }
  };
};

TEST(WorkDeque, TheSchedulesFindWhatATornExchangeWouldDo) {
  bool found = false;
  for (std::uint32_t seed = 0; seed < seeds && !found; ++seed) {
    basic_work_deque<careless, 4> deque;
    numbered only;
    const auto take = [&](op* work) {
      if (work != nullptr) ++only.taken;
    };
    schedule(seed).run({[&] {
                          deque.push(only);
                          take(deque.pop());
                        },
                        [&] { take(deque.steal()); }, [&] { take(deque.steal()); }});
    found = only.taken > 1;
  }
  EXPECT_TRUE(found);
}

TEST(WorkDeque, UnderStressEachIsTakenOnce) {
  constexpr std::size_t count = 200'000;
  basic_work_deque<fanout::detail::native_sync, 64> deque;
  std::vector<numbered> ops(count);
  std::atomic<std::size_t> taken = 0;
  const auto note = [&](op* work) {
    if (work == nullptr) return;
    ++static_cast<numbered*>(work)->taken;
    ++taken;
  };
  std::vector<std::jthread> thieves;
  for (int i = 0; i < 2; ++i) {
    thieves.emplace_back([&] {
      while (taken < count) {
        note(deque.steal());
        if (deque.empty()) std::this_thread::yield();
      }
    });
  }
  for (std::size_t i = 0; i < count; ++i) {
    if (!deque.push(ops[i])) note(&ops[i]);
    if (i % 5 == 0) note(deque.pop());
  }
  while (taken < count) note(deque.pop());
  thieves.clear();
  EXPECT_TRUE(std::ranges::all_of(ops, [](const numbered& o) { return o.taken == 1; }));
}

}  // namespace
