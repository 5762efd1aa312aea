// SPDX-License-Identifier: Apache-2.0
#include "threads/event_count.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "schedules.hpp"

namespace {

using fanout::detail::basic_event_count;
using fanout_test::schedule;
using fanout_test::scheduled_sync;
using fanout_test::seeds;

/// A pool of which nothing is left but how its workers fall asleep: work is a number.
template <class EventCount>
class model {
 public:
  using sleeper = typename EventCount::sleeper;

  explicit model(bool looks_again) : looks_again_(looks_again) {}

  void make_work(int count) {
    work_.fetch_add(count, std::memory_order_seq_cst);
    count_.notify();
  }
  void make_one_after_another(int count) {
    while (count-- > 0) make_work(1);
  }

  /// Until `all` have been done, by whomever.
  void do_work(int all, bool keeps_time) {
    sleeper me;
    bool searches = false;
    while (done_ < all) {
      if (take()) {
        if (searches) end_search();
        searches = false;
        if (++done_ == all) count_.notify_all();
        continue;
      }
      if (!searches) searches = count_.begin_search();
      if (searches && visible()) continue;
      count_.announce(me, searches);
      if ((looks_again_ && visible()) || done_ == all) {
        count_.retract(me);
      } else {
        const fanout::time_point some_time{};
        const bool has_deadline = keeps_time && count_.keep_time(me);
        if (!me.bed.park(has_deadline ? &some_time : nullptr)) count_.retract(me);
      }
      searches = true;
    }
    if (searches) end_search();
  }

  int left() const { return work_.load(std::memory_order_seq_cst); }
  int done() const { return done_; }
  const EventCount& count() const { return count_; }

 private:
  bool visible() const { return work_.load(std::memory_order_seq_cst) > 0; }
  bool take() {
    int now = work_.load(std::memory_order_seq_cst);
    while (now > 0) {
      if (work_.compare_exchange_weak(now, now - 1, std::memory_order_seq_cst)) return true;
    }
    return false;
  }
  void end_search() {
    if (count_.end_search() && visible()) count_.notify();
  }

  const bool looks_again_;
  scheduled_sync::atomic<int> work_ = 0;
  int done_ = 0;  // of whoever has the turn
  EventCount count_;
};

using scheduled_model = model<basic_event_count<scheduled_sync>>;

TEST(EventCount, InAnyOrderOfStepsNoWorkIsLeftWhileAllSleep) {
  for (std::uint32_t seed = 0; seed < seeds; ++seed) {
    scheduled_model pool(true);
    const auto outcome = schedule(seed).run({[&] { pool.make_one_after_another(2); }, [&] { pool.make_work(2); },
                                             [&] { pool.do_work(4, false); }, [&] { pool.do_work(4, false); }});
    ASSERT_EQ(outcome, schedule::outcome::all_ended) << "seed " << seed;
    ASSERT_EQ(pool.done(), 4) << "seed " << seed;
  }
}

TEST(EventCount, NorIfOneOfThemKeepsTheTime) {
  for (std::uint32_t seed = 0; seed < seeds; ++seed) {
    scheduled_model pool(true);
    const auto outcome = schedule(seed).run({[&] { pool.make_one_after_another(3); }, [&] { pool.do_work(3, true); },
                                             [&] { pool.do_work(3, true); }, [&] { pool.do_work(3, false); }});
    ASSERT_EQ(outcome, schedule::outcome::all_ended) << "seed " << seed;
  }
}

TEST(EventCount, WhoDoesNotLookAgainSleepsThroughIt) {
  // What announce is for; and that the schedules would find a lost wake-up.
  bool lost = false;
  for (std::uint32_t seed = 0; seed < seeds && !lost; ++seed) {
    scheduled_model pool(false);
    lost = schedule(seed).run({[&] { pool.make_one_after_another(2); }, [&] { pool.do_work(2, false); }}) ==
           schedule::outcome::all_asleep;
  }
  EXPECT_TRUE(lost);
}

// --- with real threads

using fanout::detail::event_count;

void wait_until_asleep(const event_count& count, unsigned sleepers) {
  while (count.sleeping() != sleepers) std::this_thread::yield();
}

TEST(EventCount, WakesOneAtATime) {
  event_count count;
  std::atomic<int> awake = 0;
  std::vector<std::jthread> threads;
  for (int i = 0; i < 3; ++i) {
    threads.emplace_back([&] {
      event_count::sleeper me;
      count.announce(me, false);
      me.bed.park(nullptr);
      ++awake;
    });
  }
  wait_until_asleep(count, 3);
  count.notify();
  while (awake != 1) std::this_thread::yield();
  EXPECT_EQ(count.searching(), 1U);
  count.notify();  // somebody searches already
  EXPECT_EQ(count.sleeping(), 2U);
  EXPECT_TRUE(count.end_search());
  count.notify();
  while (awake != 2) std::this_thread::yield();
  EXPECT_TRUE(count.end_search());
  count.notify_all();
}

TEST(EventCount, OneAtATimeSearches) {
  event_count count;
  EXPECT_TRUE(count.begin_search());
  EXPECT_FALSE(count.begin_search());
  EXPECT_TRUE(count.end_search());
  EXPECT_TRUE(count.begin_search());
}

TEST(EventCount, TheTimekeeperIsTheLastToBeWokenForWork) {
  event_count count;
  event_count::sleeper keeper, other;
  count.announce(other, false);
  count.announce(keeper, false);
  EXPECT_TRUE(count.keep_time(keeper));
  EXPECT_FALSE(count.keep_time(other));
  count.notify();
  const auto now = std::chrono::steady_clock::now();
  EXPECT_FALSE(keeper.bed.park(&now));
  EXPECT_TRUE(other.bed.park(&now));
  EXPECT_TRUE(count.end_search());
  count.notify();
  EXPECT_TRUE(keeper.bed.park(&now));
}

TEST(EventCount, WhoRetractsTakesTheSignalThatCameMeanwhile) {
  event_count count;
  event_count::sleeper me;
  count.announce(me, false);
  count.notify();
  count.retract(me);
  EXPECT_EQ(count.sleeping(), 0U);
  EXPECT_EQ(count.searching(), 1U);
  const auto now = std::chrono::steady_clock::now();
  EXPECT_FALSE(me.bed.park(&now)) << "a signal was left over";
}

}  // namespace
