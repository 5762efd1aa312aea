// SPDX-License-Identifier: Apache-2.0
// signal_received. The signals are real ones, sent to this process.
#include "fanout/signal.hpp"

#include <gmock/gmock.h>

#include <csignal>

#include "io_fixture.hpp"

namespace fanout_test {
namespace {

using testing::HasSubstr;

class SignalReceived : public io_suite {
 protected:
  /// What the process does with a signal.
  static void (*disposition(int number))(int) {
    struct sigaction now{};
    ::sigaction(number, nullptr, &now);
    return now.sa_handler;
  }

  static task<int> receives(int number, int& begun) {
    ++begun;
    co_return co_await fanout::signal_received(number);
  }
};

TEST_F(SignalReceived, ReturnsTheNumber) {
  auto main = []() -> task<int> {
    auto waits = fanout::spawn(fanout::signal_received(SIGUSR1));
    co_await others_run();
    EXPECT_FALSE(waits.ready());
    ::raise(SIGUSR1);
    co_return co_await std::move(waits);
  };
  EXPECT_EQ(run(main()), SIGUSR1);
}

TEST_F(SignalReceived, OfSeveralReturnsTheOneThatCame) {
  auto main = []() -> task<> {
    for (const int number : {SIGUSR1, SIGUSR2, SIGHUP}) {
      auto waits = fanout::spawn(fanout::signal_received(SIGHUP, SIGUSR1, SIGUSR2));
      co_await others_run();
      ::raise(number);
      EXPECT_EQ(co_await std::move(waits), number);
    }
  };
  run(main());
}

TEST_F(SignalReceived, AllWhoWaitGoOn) {
  auto main = []() -> task<> {
    auto one = fanout::spawn(fanout::signal_received(SIGUSR1));
    auto two = fanout::spawn(fanout::signal_received(SIGUSR1, SIGUSR2));
    auto other = fanout::spawn(end_of(fanout::signal_received(SIGUSR2)));
    co_await others_run();
    ::raise(SIGUSR1);
    EXPECT_EQ(co_await std::move(one), SIGUSR1);
    EXPECT_EQ(co_await std::move(two), SIGUSR1);
    EXPECT_FALSE(other.ready());
    other.cancel();
    EXPECT_EQ(co_await std::move(other), "cancelled");
  };
  run(main());
}

TEST_F(SignalReceived, LoopsOfTwoThreadsGetItBoth) {
  promise<void> waits_there;
  auto there_main = [&]() -> task<> {
    auto waits = fanout::spawn(fanout::signal_received(SIGUSR1));
    co_await others_run();
    waits_there.set({});
    EXPECT_EQ(co_await std::move(waits), SIGUSR1);
  };
  std::jthread there([&] { fanout::run(there_main()); });
  auto main = [&]() -> task<> {
    auto waits = fanout::spawn(fanout::signal_received(SIGUSR1));
    co_await others_run();
    co_await waits_there.get_future();
    ::raise(SIGUSR1);
    EXPECT_EQ(co_await std::move(waits), SIGUSR1);
  };
  run(main());
}

TEST_F(SignalReceived, FromAnotherThreadWakesASleepingLoop) {
  int begun = 0;
  promise<void> may_send;
  std::jthread other([&, go = may_send.get_future()]() mutable {
    go.wait();
    ::kill(::getpid(), SIGUSR1);
  });
  auto main = [&]() -> task<int> {
    auto waits = fanout::spawn(receives(SIGUSR1, begun));
    co_await others_run();
    may_send.set({});
    co_return co_await std::move(waits);
  };
  EXPECT_EQ(run(main()), SIGUSR1);
}

TEST_F(SignalReceived, BeforeAndAfterwardsTheSignalHasItsUsualEffect) {
  ASSERT_EQ(disposition(SIGUSR1), SIG_DFL);
  auto main = []() -> task<> {
    auto received = fanout::signal_received(SIGUSR1);
    EXPECT_EQ(disposition(SIGUSR1), SIG_DFL) << "nobody awaits it yet";
    auto waits = fanout::spawn(std::move(received));
    co_await others_run();
    EXPECT_NE(disposition(SIGUSR1), SIG_DFL);
    ::raise(SIGUSR1);
    co_await std::move(waits);
    EXPECT_EQ(disposition(SIGUSR1), SIG_DFL);
  };
  run(main());
  EXPECT_EQ(disposition(SIGUSR1), SIG_DFL);
}

TEST_F(SignalReceived, StoppedItThrowsCancelledAndTheSignalHasItsUsualEffectAgain) {
  auto main = []() -> task<> {
    auto waits = fanout::spawn(end_of(fanout::signal_received(SIGUSR1, SIGUSR2)));
    co_await others_run();
    EXPECT_NE(disposition(SIGUSR2), SIG_DFL);
    waits.cancel();
    EXPECT_EQ(co_await std::move(waits), "cancelled");
    EXPECT_EQ(disposition(SIGUSR1), SIG_DFL);
    EXPECT_EQ(disposition(SIGUSR2), SIG_DFL);
  };
  run(main());
}

TEST_F(SignalReceived, TheUsualEffectIsTheHandlerThatWasThereBefore) {
  const auto before = std::signal(SIGUSR1, SIG_IGN);
  auto main = []() -> task<> {
    auto one = fanout::spawn(fanout::signal_received(SIGUSR1));
    auto two = fanout::spawn(end_of(fanout::signal_received(SIGUSR1)));
    co_await others_run();
    EXPECT_NE(disposition(SIGUSR1), SIG_IGN);
    two.cancel();
    co_await std::move(two);
    EXPECT_NE(disposition(SIGUSR1), SIG_IGN) << "one still awaits it";
    ::raise(SIGUSR1);
    EXPECT_EQ(co_await std::move(one), SIGUSR1);
    EXPECT_EQ(disposition(SIGUSR1), SIG_IGN);
  };
  run(main());
  EXPECT_EQ(disposition(SIGUSR1), SIG_IGN);
  std::signal(SIGUSR1, before);
}

TEST_F(SignalReceived, WhatIsLeftOverIsStoppedAtTheEndOfRun) {
  auto main = []() -> task<> {
    static_cast<void>(fanout::spawn(fanout::signal_received(SIGUSR1)));
    co_await others_run();
  };
  run(main());
  EXPECT_EQ(disposition(SIGUSR1), SIG_DFL);
}

TEST_F(SignalReceived, TimesOut) {
  EXPECT_THROW(run(fanout::timeout(1ms, fanout::signal_received(SIGUSR1))), fanout::timed_out);
  EXPECT_EQ(disposition(SIGUSR1), SIG_DFL);
}

TEST_F(SignalReceived, WhatCannotBeReceivedIsRefusedByItsNumber) {
  EXPECT_THAT(run(end_of(fanout::signal_received(SIGKILL))), HasSubstr("signal_received: signal 9 cannot be received"));
  EXPECT_THAT(run(end_of(fanout::signal_received(SIGUSR1, SIGSTOP))), HasSubstr("signal 19 cannot be received"));
  EXPECT_THAT(run(end_of(fanout::signal_received(99))), HasSubstr("signal 99 cannot be received"));
  EXPECT_THAT(run(end_of(fanout::signal_received(0))), HasSubstr("signal 0 cannot be received"));
  EXPECT_THAT(run(end_of(fanout::signal_received(-1))), HasSubstr("signal -1 cannot be received"));
  EXPECT_EQ(disposition(SIGUSR1), SIG_DFL) << "one that came before the one that was refused";
}

TEST_F(SignalReceived, NeedsAnEventLoop) {
  fanout::serial_executor serial;
  EXPECT_THAT(serial.run(end_of(fanout::signal_received(SIGUSR1))), HasSubstr("does not run on an event_loop"));
}

TEST_F(SignalReceived, InALoopWhatComesInBetweenIsForASignalSet) {
  // The advice of the documentation: who keeps a set misses none.
  auto main = [this]() -> task<> {
    asio::signal_set kept(context(), SIGUSR1);
    ::raise(SIGUSR1);
    EXPECT_EQ(co_await kept.async_wait(use_task), SIGUSR1);
    ::raise(SIGUSR1);
    co_await others_run();
    EXPECT_EQ(co_await kept.async_wait(use_task), SIGUSR1);
  };
  run(main());
}

}  // namespace
}  // namespace fanout_test
