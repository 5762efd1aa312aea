// SPDX-License-Identifier: Apache-2.0
// How a stop request gets a coroutine out of an operation of Asio's.
#include <sys/socket.h>

#include <functional>
#include <stdexcept>

#include "io_fixture.hpp"

namespace fanout_test {
namespace {

class IoStop : public io_suite {
 protected:
  /// Starts `work`, lets it begin to wait, asks it to stop, and gives the end of it.
  template <class T>
  static task<std::string> stopped(task<T> work) {
    auto waits = fanout::spawn(end_of(std::move(work)));
    co_await others_run();
    EXPECT_FALSE(waits.ready()) << "it did not wait";
    waits.cancel();
    co_return co_await std::move(waits);
  }

  template <class T>
  static task<bool> times_out(task<T> work, fanout::duration time = 5ms) {
    try {
      co_await fanout::timeout(time, std::move(work));
      co_return false;
    } catch (const fanout::timed_out&) {
      co_return true;
    }
  }

  /// An operation that ends when the test says so.
  template <class... Args>
  struct held {
    auto begin() {
      return operation<void(Args...)>([this](auto handler) {
        ++begun;
        end = [kept = std::make_shared<decltype(handler)>(std::move(handler))](Args... args) {
          std::move (*kept)(std::move(args)...);
        };
      });
    }
    int begun = 0;
    std::function<void(Args...)> end;
  };
};

// --- when it is asked

TEST_F(IoStop, BeforeItBeginsItDoesNotBegin) {
  held<int> operation;
  auto main = [&]() -> task<> {
    auto waits = fanout::spawn(end_of(operation.begin()));
    waits.cancel();
    EXPECT_EQ(co_await std::move(waits), "cancelled");
    EXPECT_EQ(operation.begun, 0);
  };
  run(main());
}

TEST_F(IoStop, AReadThatNeedNotWaitIsNotBegunEither) {
  auto main = []() -> task<> {
    auto [client, server] = co_await connected();
    co_await write_all(client, "x");
    auto waits = fanout::spawn(end_of(read_exactly(server, 1)));
    waits.cancel();
    EXPECT_EQ(co_await std::move(waits), "cancelled");
    EXPECT_EQ(co_await read_exactly(server, 1), "x");
  };
  run(main());
}

TEST_F(IoStop, IsSticky) {
  auto main = [this]() -> task<> {
    auto stubborn = [this]() -> task<int> {
      int stops = 0;
      for (int i = 0; i < 3; ++i) {
        asio::steady_timer timer(context(), i == 0 ? fanout::duration(24h) : fanout::duration(0s));
        if (co_await end_of(timer.async_wait(use_task)) == "cancelled") ++stops;
      }
      co_return stops;
    };
    auto waits = fanout::spawn(stubborn());
    co_await others_run();
    waits.cancel();
    EXPECT_EQ(co_await std::move(waits), 3);
  };
  run(main());
}

TEST_F(IoStop, ArrivesByScheduling) {
  bool ended = false;
  auto main = [&]() -> task<> {
    asio::steady_timer timer(context(), 24h);
    auto waits = [&]() -> task<> {
      co_await end_of(timer.async_wait(use_task));
      EXPECT_TRUE(is_here());
      ended = true;
    };
    auto f = fanout::spawn(waits());
    co_await others_run();
    f.cancel();
    EXPECT_FALSE(ended) << "the coroutine went on inside cancel()";
    co_await std::move(f);
  };
  run(main());
  EXPECT_TRUE(ended);
}

TEST_F(IoStop, OfAnotherThreadArrivesHere) {
  auto main = [this]() -> task<> {
    asio::steady_timer timer(context(), 24h);
    auto waits = fanout::spawn(end_of(timer.async_wait(use_task)));
    co_await others_run();
    promise<void> asked;
    std::jthread other([&] {
      waits.cancel();
      asked.set({});
    });
    co_await asked.get_future();
    EXPECT_EQ(co_await std::move(waits), "cancelled");
    EXPECT_TRUE(is_here());
  };
  run(main());
}

// --- at the same moment as it ends

TEST_F(IoStop, WhatCameBeforeTheRequestCounts) {
  held<error_code, int> operation;
  auto main = [&]() -> task<> {
    auto takes = [&]() -> task<> {
      EXPECT_EQ(co_await operation.begin(), 7);
      EXPECT_EQ(co_await end_of(ends_with<void()>(use_task)), "cancelled") << "the next wait";
    };
    auto waits = fanout::spawn(takes());
    co_await others_run();
    operation.end({}, 7);
    waits.cancel();
    co_await std::move(waits);
  };
  run(main());
}

TEST_F(IoStop, WhatCameAfterTheRequestCountsToo) {
  held<error_code, int> operation;
  auto main = [&]() -> task<> {
    auto waits = fanout::spawn(operation.begin());
    co_await others_run();
    waits.cancel();
    operation.end({}, 8);
    EXPECT_EQ(co_await std::move(waits), 8);

    auto later = fanout::spawn(operation.begin());
    co_await others_run();
    later.cancel();
    co_await others_run();  // it was told, and took its time
    operation.end({}, 9);
    EXPECT_EQ(co_await std::move(later), 9);
  };
  run(main());
}

TEST_F(IoStop, AnErrorAtTheSameMomentIsThrownAndNotHidden) {
  held<error_code> operation;
  auto main = [&]() -> task<> {
    auto waits = fanout::spawn(end_of(operation.begin()));
    co_await others_run();
    waits.cancel();
    operation.end(asio::error::connection_reset);
    EXPECT_EQ(co_await std::move(waits), error_code(asio::error::connection_reset).message());
  };
  run(main());
}

TEST_F(IoStop, DataThatWasThereIsReadOrStaysInTheSocket) {
  auto main = []() -> task<> {
    auto [client, server] = co_await connected();
    auto waits = fanout::spawn(end_of(read_exactly(server, 1)));
    co_await others_run();
    co_await write_all(client, "x");
    waits.cancel();
    const std::string end = co_await std::move(waits);
    client.close();
    EXPECT_EQ(co_await read_to_the_end(server), end == "cancelled" ? "x" : "");
  };
  run(main());
}

TEST_F(IoStop, WithAnErrorThatIsReturnedIsThrownAllTheSame) {
  auto main = [this]() -> task<> {
    asio::steady_timer timer(context(), 24h);
    EXPECT_EQ(co_await stopped(timer.async_wait(asio::as_tuple(use_task))), "cancelled");
  };
  run(main());
}

TEST_F(IoStop, WithAnErrorThatIsRedirectedIsSeenAtTheNextWait) {
  auto main = [this]() -> task<> {
    error_code error;
    asio::steady_timer timer(context(), 24h);
    auto waits = [&]() -> task<> {
      co_await timer.async_wait(asio::redirect_error(use_task, error));
      EXPECT_EQ(error, asio::error::operation_aborted);
      co_await fanout::yield();
    };
    EXPECT_EQ(co_await stopped(waits()), "cancelled");
    EXPECT_EQ(error, asio::error::operation_aborted);
  };
  run(main());
}

// --- what is stopped

TEST_F(IoStop, AStoppedReadThrowsCancelledAndTheSocketIsAsGoodAsBefore) {
  auto main = []() -> task<> {
    auto [client, server] = co_await connected();
    EXPECT_EQ(co_await stopped(read_exactly(server, 1)), "cancelled");
    std::array<char, 1> byte;
    EXPECT_EQ(co_await stopped(server.async_read_some(asio::buffer(byte), use_task)), "cancelled");
    EXPECT_EQ(co_await stopped(server.async_wait(tcp::socket::wait_read, use_task)), "cancelled");
    co_await write_all(client, "x");
    EXPECT_EQ(co_await read_exactly(server, 1), "x");
  };
  run(main());
}

TEST_F(IoStop, OnlyTheOneThatWasAskedIsStopped) {
  auto main = []() -> task<> {
    auto [client, server] = co_await connected();
    auto reads = fanout::spawn(read_exactly(client, 1));
    const std::string much(8 << 20, 'w');
    EXPECT_EQ(co_await stopped(write_all(client, much)), "cancelled");  // nobody reads it
    EXPECT_FALSE(reads.ready());
    co_await write_all(server, "x");
    EXPECT_EQ(co_await std::move(reads), "x");
  };
  run(main());
}

TEST_F(IoStop, AnAcceptIsStopped) {
  auto main = [this]() -> task<> {
    tcp::acceptor acceptor(context(), tcp::endpoint(asio::ip::address_v4::loopback(), 0));
    EXPECT_EQ(co_await stopped(acceptor.async_accept(use_task)), "cancelled");
    EXPECT_TRUE(co_await times_out(acceptor.async_accept(use_task)));
    tcp::socket client(context());
    auto [server, nothing] = co_await fanout::gather(acceptor.async_accept(use_task),
                                                     client.async_connect(acceptor.local_endpoint(), use_task));
    EXPECT_TRUE(server.is_open());
  };
  run(main());
}

TEST_F(IoStop, AConnectIsStopped) {
  auto main = [this]() -> task<> {
    // Whose queue holds one connection; the next one's handshake is not answered.
    tcp::acceptor full(context(), tcp::v4());
    full.bind(tcp::endpoint(asio::ip::address_v4::loopback(), 0));
    full.listen(0);
    tcp::socket first(context()), second(context()), third(context());
    co_await first.async_connect(full.local_endpoint(), use_task);
    EXPECT_EQ(co_await stopped(second.async_connect(full.local_endpoint(), use_task)), "cancelled");
    EXPECT_TRUE(co_await times_out(third.async_connect(full.local_endpoint(), use_task)));
  };
  run(main());
}

TEST_F(IoStop, TimersAreStopped) {
  auto main = [this]() -> task<> {
    asio::steady_timer timer(context(), 24h);
    EXPECT_EQ(co_await stopped(timer.async_wait(use_task)), "cancelled");
    EXPECT_TRUE(co_await times_out(timer.async_wait(use_task)));
    timer.expires_after(0s);
    EXPECT_EQ(co_await end_of(timer.async_wait(use_task)), "nothing");
  };
  run(main());
}

TEST_F(IoStop, OneOfTwoWaitsForATimerIsStopped) {
  auto main = [this]() -> task<> {
    asio::steady_timer timer(context(), 24h);
    auto other = fanout::spawn(end_of(timer.async_wait(use_task)));
    EXPECT_EQ(co_await stopped(timer.async_wait(use_task)), "cancelled");
    EXPECT_FALSE(other.ready());
    timer.cancel();
    EXPECT_EQ(co_await std::move(other), aborted);
  };
  run(main());
}

TEST_F(IoStop, ReadsAndWritesTimeOut) {
  auto main = []() -> task<> {
    auto [client, server] = co_await connected();
    EXPECT_TRUE(co_await times_out(read_exactly(server, 1)));
    const std::string much(8 << 20, 'w');
    EXPECT_TRUE(co_await times_out(write_all(client, much)));
  };
  run(main());
}

TEST_F(IoStop, AComposedReadIsStoppedInTheMiddle) {
  auto main = []() -> task<> {
    auto [client, server] = co_await connected();
    std::array<char, 8> bytes{};
    const auto has_half = [&] { return std::string_view(bytes.data(), 4) == "half"; };
    co_await write_all(client, "half");
    auto reads = fanout::spawn(end_of(asio::async_read(server, asio::buffer(bytes), use_task)));
    while (!has_half()) co_await others_run();
    EXPECT_FALSE(reads.ready());
    reads.cancel();
    EXPECT_EQ(co_await std::move(reads), "cancelled");
    // The same by a time limit, which may be over before a byte has come: then with more time.
    bytes = {};
    for (auto time = 5ms; !has_half(); time *= 2) {
      co_await write_all(client, "half");
      EXPECT_TRUE(co_await times_out(asio::async_read(server, asio::buffer(bytes), use_task), time));
      if (!has_half()) co_await read_exactly(server, 4);
    }
    std::string text;
    EXPECT_EQ(co_await stopped(asio::async_read_until(server, asio::dynamic_buffer(text), "\n", use_task)),
              "cancelled");
    co_await write_all(client, "whole\n");
    EXPECT_EQ(co_await read_exactly(server, 6), "whole\n");
  };
  run(main());
}

TEST_F(IoStop, PipesAndDatagramsAreStopped) {
  auto main = [this]() -> task<> {
    asio::readable_pipe reads(context());
    asio::writable_pipe writes(context());
    asio::connect_pipe(reads, writes);
    EXPECT_EQ(co_await stopped(read_exactly(reads, 1)), "cancelled");
    EXPECT_EQ(co_await stopped(write_all(writes, std::string(8 << 20, 'w'))), "cancelled");

    using asio::ip::udp;
    udp::socket socket(context(), udp::endpoint(asio::ip::address_v4::loopback(), 0));
    udp::endpoint from;
    std::array<char, 1> byte;
    EXPECT_EQ(co_await stopped(socket.async_receive_from(asio::buffer(byte), from, use_task)), "cancelled");
  };
  run(main());
}

TEST_F(IoStop, WhatCannotBeCancelledIsWaitedFor) {
  auto main = [this]() -> task<> {
    tcp::resolver resolver(context());
    std::size_t found = 0;
    auto resolves = [&]() -> task<> {
      found = (co_await resolver.async_resolve("localhost", "80", use_task)).size();
      co_await fanout::yield();
    };
    auto waits = fanout::spawn(end_of(resolves()));
    co_await fanout::yield();  // it has begun; its end comes from another thread, by way of the context
    waits.cancel();
    EXPECT_EQ(co_await std::move(waits), "cancelled");
    EXPECT_GT(found, 0U) << "the names were there, and count";
  };
  run(main());
}

// --- who else ends operations

TEST_F(IoStop, CancellingAnObjectIsAnErrorAndNotCancelled) {
  auto main = [this]() -> task<> {
    auto [client, server] = co_await connected();
    auto reads = fanout::spawn(end_of(read_exactly(server, 1)));
    co_await others_run();
    server.cancel();
    EXPECT_EQ(co_await std::move(reads), aborted);

    auto again = fanout::spawn(end_of(read_exactly(server, 1)));
    co_await others_run();
    server.close();
    EXPECT_EQ(co_await std::move(again), aborted);

    asio::steady_timer timer(context(), 24h);
    auto waits = fanout::spawn(end_of(timer.async_wait(use_task)));
    co_await others_run();
    timer.expires_after(24h);
    EXPECT_EQ(co_await std::move(waits), aborted);
  };
  run(main());
}

TEST_F(IoStop, ClosingAndStoppingAtTheSameTimeIsCancelled) {
  auto main = []() -> task<> {
    for (const bool close_first : {true, false}) {
      auto [client, server] = co_await connected();
      auto reads = fanout::spawn(end_of(read_exactly(server, 1)));
      co_await others_run();
      if (close_first) server.close();
      reads.cancel();
      if (!close_first) server.close();
      EXPECT_EQ(co_await std::move(reads), "cancelled");
    }
  };
  run(main());
}

// --- the end of run()

TEST_F(IoStop, WhatIsLeftOverWhenRunEndsIsCancelledAndAwaited) {
  std::vector<std::string> ends;
  auto notes = [&](task<> work) -> task<> { ends.push_back(co_await end_of(std::move(work))); };
  auto reads = []() -> task<> {
    auto [client, server] = co_await connected();
    co_await read_exactly(server, 1);
  };
  auto accepts = [this]() -> task<> {
    tcp::acceptor acceptor(context(), tcp::endpoint(asio::ip::address_v4::loopback(), 0));
    co_await acceptor.async_accept(use_task);
  };
  auto waits = [this]() -> task<> {
    asio::steady_timer timer(context(), 24h);
    co_await timer.async_wait(use_task);
  };
  auto main = [&]() -> task<> {
    static_cast<void>(fanout::spawn(notes(reads())));
    static_cast<void>(fanout::spawn(notes(accepts())));
    static_cast<void>(fanout::spawn(notes(waits())));
    for (int turn = 0; turn < 5; ++turn) co_await others_run();
    EXPECT_TRUE(ends.empty());
  };
  run(main());
  EXPECT_EQ(ends, (std::vector<std::string>{"cancelled", "cancelled", "cancelled"}));
}

TEST_F(IoStop, WhatIsLeftOverWhenMainFailsIsCancelledAndAwaited) {
  std::string end;
  auto notes = [&](task<> work) -> task<> { end = co_await end_of(std::move(work)); };
  auto waits = [this]() -> task<> {
    asio::steady_timer timer(context(), 24h);
    co_await timer.async_wait(use_task);
  };
  auto main = [&]() -> task<> {
    static_cast<void>(fanout::spawn(notes(waits())));
    co_await others_run();
    throw std::runtime_error("on purpose");
  };
  EXPECT_THROW(run(main()), std::runtime_error);
  EXPECT_EQ(end, "cancelled");
}

TEST_F(IoStop, TheLoopMayBeRunAgainWithTheSameObjects) {
  std::optional<tcp::socket> client, server;
  auto first = [&]() -> task<> {
    auto [c, s] = co_await connected();
    client.emplace(std::move(c));
    server.emplace(std::move(s));
    static_cast<void>(fanout::spawn(end_of(read_exactly(*server, 1))));
    co_await others_run();
  };
  run(first());
  auto second = [&]() -> task<std::string> {
    co_await write_all(*client, "x");
    co_return co_await read_exactly(*server, 1);
  };
  EXPECT_EQ(run(second()), "x");
  client.reset();
  server.reset();
}

}  // namespace
}  // namespace fanout_test
