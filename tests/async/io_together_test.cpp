// SPDX-License-Identifier: Apache-2.0
// Operations of Asio are tasks like any other, among the tasks of fanout and among what Asio has of its own.
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/experimental/channel.hpp>
#include <boost/asio/experimental/parallel_group.hpp>
#include <stdexcept>

#include "io_fixture.hpp"

namespace fanout_test {
namespace {

class IoTogether : public io_suite {
 protected:
  task<> wait(fanout::duration time) {
    asio::steady_timer timer(context(), time);
    co_await timer.async_wait(use_task);
  }
  task<int> value_after(fanout::duration time, int value) {
    co_await wait(time);
    co_return value;
  }
};

TEST_F(IoTogether, GatherRunsOperationsAtTheSameTime) {
  auto main = []() -> task<> {
    auto [client, server] = co_await connected();
    // Neither can end before the other has begun.
    auto [asked, answered] = co_await fanout::gather(
        [](tcp::socket& s) -> task<std::string> {
          const std::string got = co_await read_exactly(s, 1);
          co_await write_all(s, "2");
          co_return got;
        }(server),
        [](tcp::socket& s) -> task<std::string> {
          co_await write_all(s, "1");
          co_return co_await read_exactly(s, 1);
        }(client));
    EXPECT_EQ(asked + answered, "12");
  };
  run(main());
}

TEST_F(IoTogether, GatherStopsTheOthersAfterTheFirstError) {
  auto main = [this]() -> task<> {
    auto [client, server] = co_await connected();
    std::string end_of_read;
    auto reads = [&]() -> task<> {
      try {
        co_await read_exactly(server, 1);
      } catch (const fanout::cancelled& c) {
        end_of_read = c.what();
        throw;
      }
    };
    auto fails = [&]() -> task<> {
      co_await wait(0s);
      throw std::runtime_error("on purpose");
    };
    EXPECT_EQ(co_await end_of(fanout::gather(reads(), wait(24h), fails())), "on purpose");
    EXPECT_EQ(end_of_read, "cancelled");
    co_await write_all(client, "x");  // and the socket is as good as before
    EXPECT_EQ(co_await read_exactly(server, 1), "x");
  };
  run(main());
}

TEST_F(IoTogether, SpawnStartsAnOperation) {
  auto main = [this]() -> task<> {
    asio::steady_timer timer(context(), 24h);
    auto waits = fanout::spawn(end_of(timer.async_wait(use_task)));
    co_await others_run();
    EXPECT_FALSE(waits.ready());
    EXPECT_TRUE(waits.cancel());
    EXPECT_EQ(co_await std::move(waits), "cancelled");
  };
  run(main());
}

TEST_F(IoTogether, ATaskGroupAwaitsItsOperations) {
  int ended = 0;
  auto main = [&]() -> task<> {
    auto counts = [&]() -> task<> {
      co_await wait(1ms);
      ++ended;
    };
    co_await fanout::with_task_group([&](fanout::task_group& group) -> task<> {
      for (int i = 0; i < 5; ++i) group.spawn(counts());
      co_return;
    });
    EXPECT_EQ(ended, 5);
  };
  run(main());
}

TEST_F(IoTogether, ATaskGroupStopsItsOperationsAfterTheFirstError) {
  auto main = [this]() -> task<> {
    auto [client, server] = co_await connected();
    co_await fanout::with_task_group([&](fanout::task_group& group) -> task<> {
      group.spawn(read_exactly(server, 1));
      co_await wait(0s);
      throw std::runtime_error("on purpose");
    });
  };
  EXPECT_EQ(run(end_of(main())), "on purpose");
}

TEST_F(IoTogether, AsCompletedGivesOperationsInTheOrderInWhichTheyEnd) {
  auto main = [this]() -> task<> {
    fanout::event first_ends;
    auto first = [&]() -> task<int> {
      co_await wait(0s);
      first_ends.set();
      co_return 1;
    };
    auto second = [&]() -> task<int> {
      co_await first_ends.wait();
      co_await wait(0s);
      co_return 2;
    };
    std::vector<task<int>> tasks;
    tasks.push_back(value_after(24h, 3));
    tasks.push_back(second());
    tasks.push_back(first());
    auto done = fanout::as_completed(std::move(tasks));
    EXPECT_EQ(co_await done.next(), 1);
    EXPECT_EQ(co_await done.next(), 2);
  };
  run(main());
}

TEST_F(IoTogether, TimeoutGivesTheValueIfItIsThereInTime) {
  EXPECT_EQ(run(fanout::timeout(24h, value_after(1ms, 4))), 4);
  EXPECT_THROW(run(fanout::timeout(1ms, value_after(24h, 4))), fanout::timed_out);
}

TEST_F(IoTogether, ThreadPoolsAndOperationsMix) {
  fanout::thread_pool pool(2);
  auto main = [&]() -> task<> {
    auto [client, server] = co_await connected();
    for (int i = 0; i < 50; ++i) {
      auto computed = pool.submit([](int x) { return x * x; }, i);
      auto [text, count] = co_await fanout::gather(read_exactly(server, 4), [](auto& s, int x) -> task<std::size_t> {
        const std::string digits = std::to_string(1000 + x);
        co_return co_await asio::async_write(s, asio::buffer(digits), use_task);
      }(client, i));
      EXPECT_EQ(text, std::to_string(1000 + i));
      EXPECT_EQ(co_await std::move(computed), i * i);
    }
  };
  run(main());
}

TEST_F(IoTogether, ChannelsConnectReadersAndWriters) {
  auto main = []() -> task<> {
    auto [client, server] = co_await connected();
    fanout::channel<std::string> lines(2);
    auto reads = [&]() -> task<> {
      for (;;) {
        auto text = co_await read_exactly(server, 2);
        if (text == "q\n") break;
        co_await lines.send(std::move(text));
      }
      lines.close();
    };
    auto collects = [&]() -> task<std::string> {
      std::string all;
      while (auto line = co_await lines.receive()) all += *line;
      co_return all;
    };
    auto [nothing, read, all] = co_await fanout::gather(write_all(client, "a\nb\nc\nd\ne\nq\n"), reads(), collects());
    EXPECT_EQ(all, "a\nb\nc\nd\ne\n");
  };
  run(main());
}

// --- what Asio has of its own

TEST_F(IoTogether, ACoroutineOfAsiosMayBeAwaited) {
  auto main = [this]() -> task<> {
    auto theirs = [](int x) -> asio::awaitable<int> {
      asio::steady_timer timer(co_await asio::this_coro::executor, 1ms);
      co_await timer.async_wait(asio::use_awaitable);
      co_return x + 1;
    };
    auto ours = asio::co_spawn(context(), theirs(1), use_task);
    static_assert(std::same_as<decltype(ours), task<int>>);
    EXPECT_EQ(co_await std::move(ours), 2);

    auto fails = []() -> asio::awaitable<void> {
      throw std::runtime_error("on purpose");
      co_return;
    };
    EXPECT_EQ(co_await end_of(asio::co_spawn(context(), fails(), use_task)), "on purpose");
  };
  run(main());
}

TEST_F(IoTogether, ACoroutineOfAsiosIsStoppedWithOurs) {
  auto main = [this]() -> task<> {
    bool stopped = false;
    auto theirs = [&]() -> asio::awaitable<void> {
      asio::steady_timer never(co_await asio::this_coro::executor, asio::steady_timer::time_point::max());
      try {
        co_await never.async_wait(asio::use_awaitable);
      } catch (const system_error& error) {
        stopped = error.code() == asio::error::operation_aborted;
        throw;
      }
    };
    auto ours = fanout::spawn(end_of(asio::co_spawn(context(), theirs(), use_task)));
    co_await others_run();
    ours.cancel();
    EXPECT_EQ(co_await std::move(ours), "cancelled");
    EXPECT_TRUE(stopped);
  };
  run(main());
}

TEST_F(IoTogether, ACoroutineOfAsiosMayEndJustAsItIsStopped) {
  auto main = [this]() -> task<> {
    auto theirs = []() -> asio::awaitable<int> {
      asio::steady_timer soon(co_await asio::this_coro::executor, 0s);
      co_await soon.async_wait(asio::use_awaitable);
      co_return 1;
    };
    bool stopped = true;
    for (int turns = 0; stopped; ++turns) {
      auto ours = fanout::spawn(asio::co_spawn(context(), theirs(), use_task));
      for (int turn = 0; turn < turns; ++turn) {
        if (turn % 2 == 0) co_await fanout::yield();
        if (turn % 2 == 1) co_await asio::post(context(), use_task);
      }
      stopped = ours.cancel();
      try {
        EXPECT_EQ(co_await std::move(ours), 1);
      } catch (const fanout::cancelled&) {
        EXPECT_TRUE(stopped);
      }
      co_await others_run();  // what it might have left behind is done
    }
  };
  run(main());
}

TEST_F(IoTogether, AParallelGroupIsATask) {
  using namespace asio::experimental;
  auto main = [this]() -> task<> {
    asio::steady_timer soon(context(), 1ms), never(context(), asio::steady_timer::time_point::max());
    auto group = make_parallel_group(never.async_wait(asio::deferred), soon.async_wait(asio::deferred));
    const auto [order, error_of_never, error_of_soon] = co_await group.async_wait(wait_for_one(), use_task);
    EXPECT_EQ(order[0], 1U);
    EXPECT_EQ(error_of_never, asio::error::operation_aborted);
    EXPECT_FALSE(error_of_soon);
  };
  run(main());
}

TEST_F(IoTogether, AParallelGroupIsCancelledAsAWhole) {
  using namespace asio::experimental;
  auto main = [this]() -> task<> {
    asio::steady_timer one(context(), asio::steady_timer::time_point::max());
    asio::steady_timer two(context(), asio::steady_timer::time_point::max());
    auto waits = [&]() -> task<> {
      auto group = make_parallel_group(one.async_wait(asio::deferred), two.async_wait(asio::deferred));
      const auto [order, first, second] = co_await group.async_wait(wait_for_all(), use_task);
      EXPECT_EQ(first, asio::error::operation_aborted);
      EXPECT_EQ(second, asio::error::operation_aborted);
      co_await fanout::yield();  // what it gave counts; the next wait throws
    };
    auto ours = fanout::spawn(end_of(waits()));
    co_await others_run();
    ours.cancel();
    EXPECT_EQ(co_await std::move(ours), "cancelled");
  };
  run(main());
}

TEST_F(IoTogether, AChannelOfAsiosMayBeUsed) {
  auto main = [this]() -> task<> {
    asio::experimental::channel<void(error_code, int)> numbers(context(), 1);
    auto sends = [&]() -> task<> {
      for (int i = 1; i <= 4; ++i) co_await numbers.async_send(error_code(), i, use_task);
    };
    auto sums = [&]() -> task<int> {
      int sum = 0;
      for (int i = 1; i <= 4; ++i) sum += co_await numbers.async_receive(use_task);
      co_return sum;
    };
    auto [nothing, sum] = co_await fanout::gather(sends(), sums());
    EXPECT_EQ(sum, 10);

    auto waits = fanout::spawn(end_of(numbers.async_receive(use_task)));
    co_await others_run();
    waits.cancel();
    const std::string end = co_await std::move(waits);
    EXPECT_NE(end, "nothing");
  };
  run(main());
}

}  // namespace
}  // namespace fanout_test
