// SPDX-License-Identifier: Apache-2.0
// The queues of ops, and what crosses threads through them.
#include "core/op_queue.hpp"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <deque>
#include <memory>
#include <random>
#include <thread>
#include <vector>

#include "fanout/event.hpp"
#include "fanout/event_loop.hpp"

namespace {

using fanout::op;
using fanout::detail::op_queue;
using fanout::detail::op_stack;

struct numbered : op {
  numbered(int f, int n) noexcept : op([](op&) noexcept {}), from(f), number(n) {}
  const int from, number;
};

TEST(OpQueue, DoesWhatADequeWouldDo) {
  for (unsigned seed = 1; seed <= 10; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    std::mt19937 random(seed);
    op_queue queue;
    std::deque<numbered> ops;
    std::deque<op*> expected;
    const auto make = [&]() -> op& {
      expected.push_back(&ops.emplace_back(0, static_cast<int>(ops.size())));
      return *expected.back();
    };
    for (int step = 0; step < 5000; ++step) {
      const unsigned what = random() % 8;
      if (what < 3) {
        queue.push(make());
      } else if (what == 3) {  // some, linked already
        op& first = make();
        op* last = &first;
        for (unsigned more = random() % 4; more > 0; --more) {
          last->next = &make();
          last = last->next;
        }
        queue.push_all(first, *last);
      } else {
        op* const front = expected.empty() ? nullptr : expected.front();
        if (front != nullptr) expected.pop_front();
        ASSERT_EQ(queue.pop(), front);
      }
      ASSERT_EQ(queue.empty(), expected.empty());
    }
  }
}

TEST(OpStack, GivesAllInTheOrderOfTheirPushes) {
  op_stack stack;
  EXPECT_EQ(stack.take_all(), nullptr);
  for (int count = 1; count < 20; ++count) {
    std::deque<numbered> ops;
    for (int i = 0; i < count; ++i) stack.push(ops.emplace_back(0, i));
    EXPECT_FALSE(stack.empty());
    const op* next = stack.take_all();
    for (const numbered& expected : ops) {
      ASSERT_EQ(next, &expected);
      next = next->next;
    }
    EXPECT_EQ(next, nullptr);
    EXPECT_TRUE(stack.empty());
  }
}

constexpr int producers = 4;

/// Numbers by several threads, each beginning with 0.
class in_order {
 public:
  void saw(int producer, int number) {
    ASSERT_EQ(number, next_[static_cast<std::size_t>(producer)]++) << "of producer " << producer;
    ++count_;
  }
  int count() const { return count_; }

 private:
  std::array<int, producers> next_{};
  int count_ = 0;
};

TEST(OpStack, LosesNothingAndKeepsTheOrderOfEveryProducer) {
  constexpr int each = 20'000;
  op_stack stack;
  std::vector<std::thread> threads;
  for (int p = 0; p < producers; ++p) {
    threads.emplace_back([&stack, p] {
      for (int i = 0; i < each; ++i) stack.push(*new numbered(p, i));
    });
  }
  in_order seen;
  while (seen.count() < producers * each && !testing::Test::HasFatalFailure()) {
    if (stack.empty()) std::this_thread::yield();
    for (op* next = stack.take_all(); next != nullptr;) {
      const std::unique_ptr<numbered> current(static_cast<numbered*>(next));
      next = next->next;
      seen.saw(current->from, current->number);
    }
  }
  for (auto& t : threads) t.join();
  EXPECT_EQ(stack.take_all(), nullptr);
}

fanout::task<> until(fanout::event& e) { co_await e.wait(); }

/// Posts in bursts; between them it waits until its last post has run, so that again and again the loop has nothing to
/// do and is about to sleep when the next one comes.
void post_in_bursts(fanout::event_loop& loop, int producer, int count, auto on_loop) {
  std::mt19937 random(static_cast<unsigned>(producer));
  std::atomic<int> ran = 0;  // written on the loop, release; waited for here, acquire
  for (int posted = 0; posted < count;) {
    for (unsigned burst = 1 + random() % 4; burst > 0 && posted < count; --burst, ++posted) {
      loop.post([&ran, &on_loop, posted] {
        on_loop(posted);
        ran.store(posted + 1, std::memory_order_release);
        ran.notify_one();
      });
    }
    for (int seen = ran.load(std::memory_order_acquire); seen < posted; seen = ran.load(std::memory_order_acquire)) {
      ran.wait(seen, std::memory_order_acquire);
    }
  }
}

TEST(EventLoopPosts, OfManyThreadsArriveInOrderWhileItFallsAsleepAndWakesUp) {
  constexpr int each = 3000;
  fanout::event_loop loop;
  fanout::event all_ran;
  in_order seen;
  std::vector<std::thread> threads;
  for (int p = 0; p < producers; ++p) {
    threads.emplace_back([&, p] {
      post_in_bursts(loop, p, each, [&, p](int number) {
        seen.saw(p, number);
        if (seen.count() == producers * each) all_ran.set();
      });
    });
  }
  loop.run(until(all_ran));
  for (auto& t : threads) t.join();
  EXPECT_EQ(seen.count(), producers * each);
}

TEST(EventLoopPosts, ThatEndTheLoopMayFindItGone) {
  constexpr int rounds = 3000;
  struct in_one_round {
    fanout::event_loop loop;
    fanout::event last_post_ran;
  };
  std::atomic<in_one_round*> current = nullptr;  // release by who makes it, acquire by the other thread
  std::thread poster([&] {
    for (int round = 0; round < rounds; ++round) {
      current.wait(nullptr, std::memory_order_acquire);
      in_one_round& now = *current.exchange(nullptr, std::memory_order_acquire);
      now.loop.post([&now] { now.last_post_ran.set(); });
    }
  });
  for (int round = 0; round < rounds; ++round) {
    in_one_round now;
    current.store(&now, std::memory_order_release);
    current.notify_one();
    now.loop.run(until(now.last_post_ran));
  }
  poster.join();
}

}  // namespace
