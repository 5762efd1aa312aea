// SPDX-License-Identifier: Apache-2.0
#include "core/timer_heap.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <deque>
#include <iterator>
#include <map>
#include <optional>
#include <random>
#include <utility>
#include <vector>

namespace {

using fanout::duration;
using fanout::time_point;
using fanout::timer_op;
using fanout::detail::timer_heap;
using namespace std::chrono_literals;

struct timer : timer_op {
  timer() noexcept : timer_op([](fanout::op&) noexcept {}) {}
};

using order = std::vector<const timer_op*>;

struct recorded {
  order taken;
  void push(timer_op& t) { taken.push_back(&t); }
};

time_point at(int nanoseconds) { return time_point(duration(nanoseconds)); }

order taken_one_by_one(timer_heap& heap) {
  order out;
  while (!heap.empty()) {
    out.push_back(&heap.earliest());
    heap.erase(heap.earliest());
  }
  return out;
}

TEST(TimerHeap, GivesTheEarliestFirstAndEqualOnesInTheirOrder) {
  timer_heap heap;
  timer late, first, second;
  heap.insert(late, at(9));
  heap.insert(first, at(5));
  heap.insert(second, at(5));
  EXPECT_EQ(taken_one_by_one(heap), (order{&first, &second, &late}));
  for (const timer* t : {&late, &first, &second}) EXPECT_FALSE(t->queued());
}

TEST(TimerHeap, IsEmptyOnceItsOnlyTimerIsTakenOut) {
  timer_heap heap;
  timer only;
  for (int i = 0; i < 3; ++i) {
    heap.insert(only, at(5 - i));
    EXPECT_TRUE(only.queued());
    EXPECT_EQ(&heap.earliest(), &only);
    heap.erase(only);
    EXPECT_FALSE(only.queued());
    EXPECT_TRUE(heap.empty());
  }
}

TEST(TimerHeap, AnyOfThoseThatCameInOrderCanBeTakenOut) {
  for (std::size_t victim = 0; victim < 4; ++victim) {
    timer_heap heap;
    std::deque<timer> timers(4);
    order expected;
    for (std::size_t i = 0; i < 4; ++i) {
      heap.insert(timers[i], at(static_cast<int>(i)));
      if (i != victim) expected.push_back(&timers[i]);
    }
    heap.erase(timers[victim]);
    EXPECT_EQ(taken_one_by_one(heap), expected);
  }
}

TEST(TimerHeap, AnyOfThoseThatCameInReverseCanBeTakenOut) {
  constexpr int count = 30;  // three levels
  for (int victim = 0; victim < count; ++victim) {
    timer_heap heap;
    std::deque<timer> timers(count);
    order expected;
    for (int i = 0; i < count; ++i) {
      heap.insert(timers[static_cast<std::size_t>(i)], at(count - i));
      if (i != victim) expected.insert(expected.begin(), &timers[static_cast<std::size_t>(i)]);
    }
    heap.erase(timers[static_cast<std::size_t>(victim)]);
    EXPECT_EQ(taken_one_by_one(heap), expected);
  }
}

TEST(TimerHeap, EqualOnesKeepTheirOrderWhenAFarOneComesBetweenThemAndGoesAgain) {
  timer_heap heap;
  timer a, far, b, c, d;
  heap.insert(a, at(5));
  heap.insert(far, at(100));
  heap.insert(b, at(5));  // out of order
  heap.erase(far);
  heap.insert(c, at(5));  // in order again, were it not for b
  heap.erase(a);
  heap.insert(d, at(5));
  EXPECT_EQ(taken_one_by_one(heap), (order{&b, &c, &d}));
}

TEST(TimerHeap, OnesEqualToTheLatestOutOfOrderComeAfterIt) {
  timer_heap heap;
  timer far, out_of_order, equal, later;
  heap.insert(far, at(100));
  heap.insert(out_of_order, at(50));
  heap.erase(far);
  heap.insert(equal, at(50));
  heap.insert(later, at(51));
  EXPECT_EQ(taken_one_by_one(heap), (order{&out_of_order, &equal, &later}));
}

TEST(TimerHeap, TheFirstAndTheLastPointInTimeAreTimesLikeOthers) {
  timer_heap heap;
  timer last, last_too, first, middle, first_too;
  heap.insert(last, time_point::max());
  heap.insert(first, time_point::min());
  heap.insert(middle, at(0));
  heap.insert(last_too, time_point::max());
  heap.insert(first_too, time_point::min());
  recorded ready;
  heap.take_due(ready);
  EXPECT_EQ(ready.taken, (order{&first, &first_too, &middle}));
  EXPECT_EQ(taken_one_by_one(heap), (order{&last, &last_too}));
}

TEST(TimerHeap, TakesNoMoreThanItIsAskedFor) {
  timer_heap heap;
  std::deque<timer> timers(5);
  for (timer& t : timers) heap.insert(t, at(1));
  recorded ready;
  heap.take_due(ready, 0);
  EXPECT_TRUE(ready.taken.empty());
  heap.take_due(ready, 2);
  EXPECT_EQ(ready.taken, (order{&timers[0], &timers[1]}));
  heap.take_due(ready, 9);
  EXPECT_EQ(ready.taken, (order{&timers[0], &timers[1], &timers[2], &timers[3], &timers[4]}));
  EXPECT_TRUE(heap.empty());
}

TEST(TimerOp, IsClaimedOnce) {
  timer t;
  EXPECT_TRUE(t.claim());
  EXPECT_FALSE(t.claim());
}

/// The heap beside a map that cannot go wrong. After every step they must agree.
class trial {
 public:
  explicit trial(unsigned seed) : random_(seed) {}

  void run(int steps) {
    for (int i = 0; i < steps && !testing::Test::HasFatalFailure(); ++i) {
      if (i % 500 == 0) choose_a_pattern();
      step();
      agree();
    }
    while (!expected_.empty() && !testing::Test::HasFatalFailure()) {
      erase(expected_.begin());
      agree();
    }
  }

 private:
  enum class pattern { random, equal, increasing, decreasing, two_lengths, few_values, count };
  using key = std::pair<time_point, unsigned long>;
  using expected = std::map<key, timer*>;

  int below(int limit) { return static_cast<int>(random_() % static_cast<unsigned>(limit)); }

  void choose_a_pattern() {
    pattern_ = static_cast<pattern>(below(static_cast<int>(pattern::count)));
    inserts_of_ten_ = 3 + below(5);  // so it grows for a while, and shrinks for a while
  }

  int offset() {
    switch (pattern_) {
      case pattern::random:
        return below(1'000'000);
      case pattern::equal:
        return 500'000;
      case pattern::increasing:
        return now_ += below(3);
      case pattern::decreasing:
        return 1'000'000 - (now_ += below(3));
      case pattern::two_lengths:
        return (now_ += below(3)) + (below(2) == 0 ? 30'000 : 1000);
      case pattern::few_values:
      case pattern::count:
        break;
    }
    return below(8);
  }

  /// Long due, or not for hours: the real clock makes no difference.
  time_point deadline() {
    const duration from_epoch(offset());
    return time_point(from_epoch) + (below(2) == 0 ? duration() : far_);
  }

  void step() {
    const int what = below(100);
    if (what < 4) {
      take_due();
    } else if (expected_.empty() || what < 10 * inserts_of_ten_) {
      insert();
    } else if (what % 3 == 0) {
      erase(expected_.begin());
    } else if (what % 3 == 1) {
      erase(std::prev(expected_.end()));
    } else {
      erase(expected_.lower_bound({deadline(), 0}));
    }
  }

  void insert() {
    timer* t;
    if (idle_.empty()) {
      t = &timers_.emplace_back();
    } else {
      t = idle_.back();
      idle_.pop_back();
    }
    const time_point when = deadline();
    heap_.insert(*t, when);
    expected_.emplace(key(when, inserted_++), t);
    ASSERT_TRUE(t->queued());
    ASSERT_EQ(t->deadline, when);
  }

  void erase(expected::iterator victim) {
    if (victim == expected_.end()) --victim;
    heap_.erase(*victim->second);
    forget(victim);
  }

  void take_due() {
    recorded ready;
    const std::size_t most = below(2) == 0 ? static_cast<std::size_t>(below(10)) : timers_.size();
    heap_.take_due(ready, most);
    for (const timer_op* t : ready.taken) {
      ASSERT_FALSE(expected_.empty());
      ASSERT_EQ(expected_.begin()->second, t);
      ASSERT_LT(t->deadline, time_point(far_));
      forget(expected_.begin());
    }
    if (ready.taken.size() < most && !expected_.empty()) {
      ASSERT_GE(expected_.begin()->first.first, time_point(far_)) << "left behind";
    }
  }

  void forget(expected::iterator gone) {
    ASSERT_FALSE(gone->second->queued());
    idle_.push_back(gone->second);
    expected_.erase(gone);
  }

  void agree() {
    ASSERT_EQ(heap_.empty(), expected_.empty());
    if (!expected_.empty()) ASSERT_EQ(&heap_.earliest(), expected_.begin()->second);
  }

  const duration far_ = std::chrono::steady_clock::now().time_since_epoch() + 1000h;
  std::mt19937 random_;
  pattern pattern_ = pattern::random;
  int inserts_of_ten_ = 5;
  int now_ = 0;
  unsigned long inserted_ = 0;
  std::deque<timer> timers_;
  std::vector<timer*> idle_;  // to be armed again
  expected expected_;
  timer_heap heap_;
};

TEST(TimerHeap, DoesWhatAMapWouldDo) {
  for (unsigned seed = 1; seed <= 40 && !HasFatalFailure(); ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    trial(seed).run(5000);
  }
}

}  // namespace
