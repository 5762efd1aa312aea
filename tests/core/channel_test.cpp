// SPDX-License-Identifier: Apache-2.0
#include "fanout/channel.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <memory>
#include <optional>
#include <stdexcept>
#include <thread>
#include <utility>
#include <vector>

#include "fanout/errors.hpp"
#include "fanout/event_loop.hpp"
#include "fanout/gather.hpp"
#include "fanout/serial_executor.hpp"
#include "fanout/task.hpp"
#include "fanout/thread_pool.hpp"
#include "waits.hpp"

namespace {

using fanout_test::others_run;

fanout::task<> send_all(fanout::channel<int>& c, std::vector<int> values) {
  for (const int value : values) co_await c.send(value);
}
fanout::task<> send_all_and_close(fanout::channel<int>& c, std::vector<int> values) {
  co_await send_all(c, std::move(values));
  c.close();
}
fanout::task<std::vector<int>> receive_all(fanout::channel<int>& c) {
  std::vector<int> values;
  while (const auto value = co_await c.receive()) values.push_back(*value);
  co_return values;
}

class ChannelOf : public testing::TestWithParam<std::size_t> {
 protected:
  std::size_t capacity() const { return GetParam(); }
};
INSTANTIATE_TEST_SUITE_P(Capacity, ChannelOf, testing::Values(0, 1, 3), testing::PrintToStringParamName());

TEST_P(ChannelOf, CarriesValuesInTheirOrder) {
  fanout::channel<int> c(capacity());
  const std::vector values{1, 2, 3, 4, 5, 6, 7, 8};
  auto main = [&]() -> fanout::task<> {
    auto [received, nothing] = co_await fanout::gather(receive_all(c), send_all_and_close(c, values));
    EXPECT_EQ(received, values);
  };
  fanout::serial_executor().run(main());
}

TEST_P(ChannelOf, AcceptsAsManyAsItHolds) {
  fanout::channel<int> c(capacity());
  int accepted = 0;
  auto send = [&]() -> fanout::task<> {
    for (int i = 0; i < 5; ++i) {
      co_await c.send(i);
      ++accepted;
    }
  };
  auto receive = [&]() -> fanout::task<> {
    for (int i = 0; i < 5; ++i) {
      co_await others_run();
      EXPECT_EQ(accepted, std::min<int>(5, i + static_cast<int>(capacity())));
      EXPECT_EQ(co_await c.receive(), i);
    }
  };
  fanout::serial_executor().run(fanout::gather(send(), receive()));
}

TEST_P(ChannelOf, ServesTheReceiverWhoWaitedLongest) {
  fanout::channel<int> c(capacity());
  std::vector<std::pair<char, int>> received;
  auto receive = [&](char who) -> fanout::task<> {
    for (int i = 0; i < 2; ++i) received.emplace_back(who, *co_await c.receive());
  };
  auto send = [&]() -> fanout::task<> {
    for (int i = 0; i < 4; ++i) {
      co_await c.send(i);
      co_await others_run();
    }
  };
  fanout::serial_executor().run(fanout::gather(receive('a'), receive('b'), send()));
  EXPECT_EQ(received, (std::vector<std::pair<char, int>>{{'a', 0}, {'b', 1}, {'a', 2}, {'b', 3}}));
}

TEST_P(ChannelOf, ServesTheSenderWhoWaitedLongest) {
  fanout::channel<int> c(capacity());
  auto main = [&]() -> fanout::task<> {
    auto receive = [&]() -> fanout::task<std::vector<int>> {
      std::vector<int> values;
      for (int i = 0; i < 6; ++i) {
        co_await others_run();
        values.push_back(*co_await c.receive());
      }
      co_return values;
    };
    auto [x, y, z, received] =
        co_await fanout::gather(send_all(c, {1, 2}), send_all(c, {11, 12}), send_all(c, {21, 22}), receive());
    if (capacity() == 0) EXPECT_EQ(received, (std::vector{1, 11, 21, 2, 12, 22}));
    if (capacity() == 1) EXPECT_EQ(received, (std::vector{1, 2, 11, 21, 12, 22}));
    if (capacity() == 3) EXPECT_EQ(received, (std::vector{1, 2, 11, 12, 21, 22}));
  };
  fanout::serial_executor().run(main());
}

TEST_P(ChannelOf, TryingNeverWaits) {
  fanout::channel<int> c(capacity());
  EXPECT_EQ(c.try_receive(), std::nullopt);
  for (std::size_t i = 0; i < capacity(); ++i) EXPECT_TRUE(c.try_send(static_cast<int>(i)));
  EXPECT_FALSE(c.try_send(99));
  for (std::size_t i = 0; i < capacity(); ++i) EXPECT_EQ(c.try_receive(), static_cast<int>(i));
  EXPECT_EQ(c.try_receive(), std::nullopt);
}

TEST_P(ChannelOf, TryingServesThoseWhoWait) {
  fanout::channel<int> c(capacity());
  auto receive = [&]() -> fanout::task<> { EXPECT_EQ(co_await c.receive(), 1); };
  auto try_send = [&]() -> fanout::task<> {
    EXPECT_TRUE(c.try_send(1));
    EXPECT_EQ(c.try_receive(), std::nullopt) << "it is the receiver's already";
    co_return;
  };
  fanout::serial_executor().run(fanout::gather(receive(), try_send()));

  std::vector<int> values;
  auto try_receive = [&]() -> fanout::task<> {
    while (const auto value = c.try_receive()) values.push_back(*value);
    co_return;
  };
  fanout::serial_executor().run(
      fanout::gather(send_all(c, {1}), send_all(c, {2}), send_all(c, {3}), send_all(c, {4}), try_receive()));
  EXPECT_EQ(values, (std::vector{1, 2, 3, 4}));
}

TEST_P(ChannelOf, IsUsedFromThreadsThatAreNotCoroutines) {
  fanout::channel<int> c(capacity());
  constexpr int count = 2000;
  std::thread sender([&] {
    for (int i = 0; i < count; ++i) {
      while (!c.try_send(i)) std::this_thread::yield();
    }
    c.close();
  });
  const auto received = fanout::run(receive_all(c));
  sender.join();
  ASSERT_EQ(received.size(), static_cast<std::size_t>(count));
  for (int i = 0; i < count; ++i) EXPECT_EQ(received[static_cast<std::size_t>(i)], i);
}

// --- close

TEST_P(ChannelOf, ThatIsClosedAcceptsNothing) {
  fanout::channel<int> c(capacity());
  c.close();
  c.close();
  EXPECT_FALSE(c.try_send(1));
  EXPECT_EQ(c.try_receive(), std::nullopt);
  EXPECT_THROW(fanout::serial_executor().run(send_all(c, {1})), fanout::channel_closed);
  EXPECT_TRUE(fanout::serial_executor().run(receive_all(c)).empty());
}

TEST_P(ChannelOf, ThatIsClosedGivesWhatItHolds) {
  fanout::channel<int> c(capacity());
  for (std::size_t i = 0; i < capacity(); ++i) EXPECT_TRUE(c.try_send(1));
  c.close();
  EXPECT_EQ(fanout::serial_executor().run(receive_all(c)).size(), capacity());
}

TEST_P(ChannelOf, ThatIsClosedEndsEveryWait) {
  fanout::channel<int> c(capacity());
  int refused = 0;
  auto close = [&]() -> fanout::task<> {
    c.close();
    co_return;
  };
  auto send = [&](int value) -> fanout::task<> {
    try {
      co_await c.send(value);
    } catch (const fanout::channel_closed&) {
      ++refused;
    }
  };
  std::vector<fanout::task<>> senders;
  for (int i = 0; i < 5; ++i) senders.push_back(send(i));
  senders.push_back(close());
  fanout::serial_executor().run(fanout::gather(std::move(senders)));
  EXPECT_EQ(refused, 5 - static_cast<int>(capacity()));

  fanout::channel<int> empty(capacity());
  auto close_empty = [&]() -> fanout::task<> {
    empty.close();
    co_return;
  };
  auto main = [&]() -> fanout::task<> {
    auto [a, b, nothing] = co_await fanout::gather(receive_all(empty), receive_all(empty), close_empty());
    EXPECT_TRUE(a.empty() && b.empty());
  };
  fanout::serial_executor().run(main());
}

// --- values

struct unassignable {
  explicit unassignable(int n) : number(n), owned(std::make_unique<int>(n)) {}
  unassignable(unassignable&&) noexcept = default;
  const int number;
  std::unique_ptr<int> owned;
};

TEST_P(ChannelOf, ValuesNeedOnlyBeMovable) {
  fanout::channel<unassignable> c(capacity());
  auto send = [&]() -> fanout::task<> {
    for (int i = 0; i < 5; ++i) co_await c.send(unassignable(i));
    c.close();
  };
  auto receive = [&]() -> fanout::task<int> {
    int next = 0;
    for (; const auto value = co_await c.receive(); ++next) EXPECT_EQ(*value->owned, next);
    co_return next;
  };
  auto main = [&]() -> fanout::task<> {
    auto [nothing, count] = co_await fanout::gather(send(), receive());
    EXPECT_EQ(count, 5);
  };
  fanout::serial_executor().run(main());
  EXPECT_FALSE(c.try_receive().has_value());
}

TEST(Channel, WhatCouldNotBeSentIsStillThere) {
  fanout::channel<std::unique_ptr<int>> c(1);
  auto first = std::make_unique<int>(1), second = std::make_unique<int>(2);
  EXPECT_TRUE(c.try_send(std::move(first)));
  EXPECT_FALSE(c.try_send(std::move(second)));
  c.close();
  EXPECT_FALSE(c.try_send(std::move(second)));
  ASSERT_NE(second, nullptr);
  EXPECT_EQ(*second, 2);
}

TEST(Channel, DestroysWhatNobodyReceived) {
  const auto value = std::make_shared<int>(1);
  {
    fanout::channel<std::shared_ptr<int>> c(3);
    EXPECT_TRUE(c.try_send(value));
    EXPECT_TRUE(c.try_send(value));
    EXPECT_TRUE(c.try_receive().has_value());
    EXPECT_TRUE(c.try_send(value));
    EXPECT_TRUE(c.try_send(value));
    EXPECT_EQ(value.use_count(), 4);
  }
  EXPECT_EQ(value.use_count(), 1);
}

// --- stop requests

TEST_P(ChannelOf, AReceiverWhoIsStoppedTakesNothing) {
  fanout::channel<int> c(capacity());
  auto stop_some = [&]() -> fanout::task<> {
    auto receive = [&]() -> fanout::task<> {
      co_await c.receive();
      ADD_FAILURE() << "nothing was sent";
    };
    co_await fanout_test::stopped_by_an_error(receive());
    co_await fanout_test::stopped_at_once(receive());
  };
  auto main = [&]() -> fanout::task<> {
    co_await stop_some();
    auto [nothing, received] = co_await fanout::gather(send_all_and_close(c, {1, 2}), receive_all(c));
    EXPECT_EQ(received, (std::vector{1, 2}));
  };
  fanout::serial_executor().run(main());
}

TEST_P(ChannelOf, ASenderWhoIsStoppedSendsNothing) {
  fanout::channel<int> c(capacity());
  for (std::size_t i = 0; i < capacity(); ++i) EXPECT_TRUE(c.try_send(0));
  auto main = [&]() -> fanout::task<> {
    co_await fanout_test::stopped_by_an_error(send_all(c, {-1}));
    co_await fanout_test::stopped_at_once(send_all(c, {-1}));
    auto [nothing, received] = co_await fanout::gather(send_all_and_close(c, {0}), receive_all(c));
    EXPECT_EQ(received, std::vector<int>(capacity() + 1, 0));
  };
  fanout::serial_executor().run(main());
}

TEST_P(ChannelOf, AValueThatWasHandedOverIsReceivedThoughAStopFollows) {
  fanout::channel<int> c(capacity());
  std::optional<int> received;
  bool next_wait_threw = false;
  auto receive = [&]() -> fanout::task<> {
    received = co_await c.receive();
    try {
      co_await c.receive();
    } catch (const fanout::cancelled&) {
      next_wait_threw = true;
    }
  };
  auto send_and_fail = [&]() -> fanout::task<> {
    EXPECT_TRUE(c.try_send(7));
    throw fanout_test::on_purpose();
    co_return;
  };
  EXPECT_THROW(fanout::serial_executor().run(fanout::gather(receive(), send_and_fail())), fanout_test::on_purpose);
  EXPECT_EQ(received, 7);
  EXPECT_TRUE(next_wait_threw);
}

TEST_P(ChannelOf, ASendThatWasAcceptedSucceedsThoughAStopFollows) {
  fanout::channel<int> c(capacity());
  for (std::size_t i = 0; i < capacity(); ++i) EXPECT_TRUE(c.try_send(0));
  bool sent = false, next_wait_threw = false;
  auto send = [&]() -> fanout::task<> {
    co_await c.send(7);
    sent = true;
    try {
      co_await c.send(8);
    } catch (const fanout::cancelled&) {
      next_wait_threw = true;
    }
  };
  std::vector<int> received;
  auto receive_and_fail = [&]() -> fanout::task<> {
    received.push_back(*c.try_receive());
    throw fanout_test::on_purpose();
    co_return;
  };
  EXPECT_THROW(fanout::serial_executor().run(fanout::gather(send(), receive_and_fail())), fanout_test::on_purpose);
  EXPECT_TRUE(sent);
  EXPECT_TRUE(next_wait_threw);
  while (const auto left = c.try_receive()) received.push_back(*left);
  EXPECT_EQ(received.size(), capacity() + 1);
  EXPECT_EQ(received.back(), 7);
}

// --- other threads

TEST_P(ChannelOf, MayBeDestroyedByTheCoroutineThatGoesOn) {
  auto c = std::make_unique<fanout::channel<int>>(capacity());
  int received = 0;
  auto receive = [&]() -> fanout_test::detached {
    received = *co_await c->receive();
    c.reset();
  };
  receive();
  EXPECT_TRUE(c->try_send(5));  // inside of which the coroutine goes on
  EXPECT_EQ(received, 5);
  EXPECT_EQ(c, nullptr);
}

TEST_P(ChannelOf, LosesNothingAmongManySendersAndReceivers) {
  fanout::thread_pool pool(4);
  fanout::channel<int> c(capacity());
  constexpr int senders = 8, each = 500;
  std::vector<std::atomic<int>> seen(senders * each);
  std::atomic<int> sending = senders;
  auto send = [&](int first) -> fanout::task<> {
    for (int i = first; i < first + each; ++i) co_await c.send(i);
    if (--sending == 0) c.close();
  };
  auto receive = [&]() -> fanout::task<> {
    std::array<int, senders> last;
    last.fill(-1);
    while (const auto value = co_await c.receive()) {
      ++seen[static_cast<std::size_t>(*value)];
      int& before = last[static_cast<std::size_t>(*value / each)];
      EXPECT_LT(before, *value) << "the values of one sender stay in their order";
      before = *value;
    }
  };
  std::vector<fanout::task<>> all;
  for (int i = 0; i < senders; ++i) all.push_back(send(i * each));
  for (int i = 0; i < 8; ++i) all.push_back(receive());
  pool.run(fanout::gather(std::move(all)));
  for (const auto& count : seen) EXPECT_EQ(count, 1);
}

TEST_P(ChannelOf, LosesNothingWhenStopsAndCloseRace) {
  fanout::thread_pool pool(4);
  fanout::channel<std::unique_ptr<int>> c(capacity());
  constexpr int tasks = 300, each = 10;
  std::vector<std::atomic<int>> balance(tasks * each);  // of a value: sent, and not received
  std::atomic<int> received = 0;
  auto send = [&](int first) -> fanout::task<> {
    for (int i = first; i < first + each; ++i) {
      try {
        co_await c.send(std::make_unique<int>(i));
      } catch (const fanout::channel_closed&) {
        co_return;
      }
      ++balance[static_cast<std::size_t>(i)];
    }
  };
  auto receive = [&](int most) -> fanout::task<> {
    for (int i = 0; i < most; ++i) {
      const auto value = co_await c.receive();
      if (!value) co_return;
      --balance[static_cast<std::size_t>(**value)];
      ++received;
    }
  };
  auto close = [&]() -> fanout::task<> {
    co_await receive(each);  // so that something was received, whatever is stopped
    c.close();
  };
  std::vector<fanout::task<>> all;
  all.push_back(send(0));
  all.push_back(close());
  for (int i = 1; i < tasks; ++i) {
    const auto seed = static_cast<unsigned>(i);
    all.push_back(fanout_test::stopped_sometime(2 * seed, send(i * each)));
    all.push_back(fanout_test::stopped_sometime(2 * seed + 1, receive(each)));
  }
  // Its values are enough for close() if all others are stopped at once, and it ends when the channel is closed.
  auto send_until_closed = [&]() -> fanout::task<> {
    try {
      for (;;) {
        co_await c.send(std::make_unique<int>(0));
        ++balance[0];
      }
    } catch (const fanout::channel_closed&) {
    }
  };
  all.push_back(send_until_closed());
  pool.run(fanout::gather(std::move(all)));
  while (const auto left = c.try_receive()) --balance[static_cast<std::size_t>(**left)];
  EXPECT_GE(received, each);
  for (const auto& sent_and_not_received : balance) EXPECT_EQ(sent_and_not_received, 0);
}

TEST_P(ChannelOf, PassesBetweenExecutors) {
  fanout::thread_pool pool(2);
  fanout::channel<int> there(capacity()), back(capacity());
  auto echo = [&]() -> fanout::task<> {
    while (const auto value = co_await there.receive()) co_await back.send(-*value);
    back.close();
  };
  auto echoes = pool.submit([&] { fanout::run(echo()); });
  auto main = [&]() -> fanout::task<> {
    const auto here = std::this_thread::get_id();
    for (int i = 1; i <= 1000; ++i) {
      co_await there.send(i);
      EXPECT_EQ(co_await back.receive(), -i);
      EXPECT_EQ(std::this_thread::get_id(), here);
    }
    there.close();
    EXPECT_EQ(co_await back.receive(), std::nullopt);
  };
  fanout::run(main());
  echoes.get();
}

using ChannelDeathTest = ChannelOf;
INSTANTIATE_TEST_SUITE_P(Capacity, ChannelDeathTest, testing::Values(0, 1), testing::PrintToStringParamName());

TEST_P(ChannelDeathTest, IsNotDestroyedWhileACoroutineWaits) {
  auto destroy = [&](auto waits) {
    auto c = std::make_optional<fanout::channel<int>>(capacity());
    auto reset = [&]() -> fanout::task<> {
      c.reset();
      co_return;
    };
    fanout::serial_executor().run(fanout::gather(waits(*c), reset()));
  };
  EXPECT_DEATH(destroy([](fanout::channel<int>& c) { return send_all(c, {1, 2}); }),
               "a channel is destroyed while a coroutine waits");
  EXPECT_DEATH(destroy([](fanout::channel<int>& c) -> fanout::task<> { co_await c.receive(); }),
               "a channel is destroyed while a coroutine waits");
}

}  // namespace
