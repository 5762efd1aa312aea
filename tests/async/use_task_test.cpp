// SPDX-License-Identifier: Apache-2.0
// use_task: what an operation of Asio's becomes.
#include <concepts>
#include <stdexcept>
#include <tuple>

#include "io_fixture.hpp"

namespace fanout_test {
namespace {

class UseTask : public io_suite {};

struct move_only {
  explicit move_only(int x) : value(std::make_unique<int>(x)) {}
  std::unique_ptr<int> value;
};

// --- results

TEST_F(UseTask, AHandlerThatGetsNothingMakesItATaskOfVoid) {
  auto operation = ends_with<void()>(use_task);
  static_assert(std::same_as<decltype(operation), task<>>);
  EXPECT_EQ(run(end_of(std::move(operation))), "nothing");
}

TEST_F(UseTask, AHandlerThatGetsAnErrorMakesItATaskOfVoid) {
  auto operation = ends_with<void(error_code)>(use_task, error_code());
  static_assert(std::same_as<decltype(operation), task<>>);
  EXPECT_EQ(run(end_of(std::move(operation))), "nothing");
}

TEST_F(UseTask, AHandlerThatGetsAnErrorAndAValueMakesItATaskOfTheValue) {
  auto operation = ends_with<void(error_code, int)>(use_task, error_code(), 7);
  static_assert(std::same_as<decltype(operation), task<int>>);
  EXPECT_EQ(run(std::move(operation)), 7);
}

TEST_F(UseTask, SeveralValuesBecomeATuple) {
  auto operation = ends_with<void(error_code, int, std::string)>(use_task, error_code(), 7, "seven");
  static_assert(std::same_as<decltype(operation), task<std::tuple<int, std::string>>>);
  EXPECT_EQ(run(std::move(operation)), std::tuple(7, "seven"));

  auto without_error = ends_with<void(int, std::string)>(use_task, 8, "eight");
  static_assert(std::same_as<decltype(without_error), task<std::tuple<int, std::string>>>);
  EXPECT_EQ(run(std::move(without_error)), std::tuple(8, "eight"));
}

TEST_F(UseTask, AHandlerThatGetsAValueMakesItATaskOfIt) {
  auto operation = ends_with<void(int)>(use_task, 9);
  static_assert(std::same_as<decltype(operation), task<int>>);
  EXPECT_EQ(run(std::move(operation)), 9);
}

TEST_F(UseTask, AHandlerThatGetsReferencesMakesItATaskOfValues) {
  auto operation = ends_with<void(error_code, const std::string&)>(use_task, error_code(), std::string("copied"));
  static_assert(std::same_as<decltype(operation), task<std::string>>);
  EXPECT_EQ(run(std::move(operation)), "copied");
}

TEST_F(UseTask, AValueIsMovedAndNeverCopied) {
  EXPECT_EQ(*run(ends_with<void(error_code, move_only)>(use_task, error_code(), move_only(4))).value, 4);
  EXPECT_EQ(*run(ends_with<void(move_only)>(use_task, move_only(5))).value, 5);
  auto [first, second] = run(ends_with<void(move_only, move_only)>(use_task, move_only(6), move_only(7)));
  EXPECT_EQ(*first.value + *second.value, 13);
}

TEST_F(UseTask, AValueNeedNotBeDefaultConstructible) {
  struct no_default {
    explicit no_default(int x) : value(x) {}
    int value;
  };
  EXPECT_EQ(run(ends_with<void(error_code, no_default)>(use_task, error_code(), no_default(3))).value, 3);
}

// --- errors

TEST_F(UseTask, AnErrorIsThrownAsASystemError) {
  const error_code refused = asio::error::connection_refused;
  try {
    run(ends_with<void(error_code)>(use_task, refused));
    FAIL() << "it was not thrown";
  } catch (const system_error& error) {
    EXPECT_EQ(error.code(), refused);
  }
  EXPECT_THROW(run(ends_with<void(error_code, int)>(use_task, refused, 0)), system_error);
  EXPECT_THROW(run(ends_with<void(error_code, int, int)>(use_task, refused, 0, 0)), system_error);
}

TEST_F(UseTask, AnExceptionIsThrownAsItIs) {
  const auto error = std::make_exception_ptr(std::out_of_range("on purpose"));
  EXPECT_THROW(run(ends_with<void(std::exception_ptr)>(use_task, error)), std::out_of_range);
  EXPECT_THROW(run(ends_with<void(std::exception_ptr, int)>(use_task, error, 0)), std::out_of_range);
  EXPECT_EQ(run(ends_with<void(std::exception_ptr, int)>(use_task, std::exception_ptr(), 3)), 3);
}

TEST_F(UseTask, AsTupleReturnsTheErrorWithTheValue) {
  constexpr auto token = asio::as_tuple(use_task);
  auto operation = ends_with<void(error_code, int)>(token, error_code(asio::error::eof), 3);
  static_assert(std::same_as<decltype(operation), task<std::tuple<error_code, int>>>);
  EXPECT_EQ(run(std::move(operation)), std::tuple(error_code(asio::error::eof), 3));
}

TEST_F(UseTask, RedirectErrorWritesTheErrorAndReturnsTheValue) {
  error_code error;
  const auto token = asio::redirect_error(use_task, error);
  auto operation = ends_with<void(error_code, int)>(token, error_code(asio::error::eof), 3);
  static_assert(std::same_as<decltype(operation), task<int>>);
  EXPECT_EQ(run(std::move(operation)), 3);
  EXPECT_EQ(error, asio::error::eof);
}

TEST_F(UseTask, AppendAndPrependAddToTheResult) {
  const auto appended = asio::append(use_task, 8);
  EXPECT_EQ(run(ends_with<void(error_code, int)>(appended, error_code(), 7)), std::tuple(7, 8));
  const auto prepended = asio::prepend(use_task, 6);
  EXPECT_EQ(run(ends_with<void(int)>(prepended, 7)), std::tuple(6, 7));
}

TEST_F(UseTask, DeferredStartsWithIt) {
  auto main = [this]() -> task<> {
    asio::steady_timer timer(context(), 0s);
    auto wait = timer.async_wait(asio::deferred);
    co_await std::move(wait)(use_task);
  };
  EXPECT_EQ(run(end_of(main())), "nothing");
}

TEST_F(UseTask, MayBeTheDefaultOfAnObject) {
  auto main = [this]() -> task<> {
    using timer_type = fanout::use_task_t::as_default_on_t<asio::steady_timer>;
    timer_type timer(context(), 0s);
    auto wait = timer.async_wait();
    static_assert(std::same_as<decltype(wait), task<>>);
    co_await std::move(wait);

    using acceptor_type = fanout::use_task_t::as_default_on_t<tcp::acceptor>;
    using socket_type = fanout::use_task_t::as_default_on_t<tcp::socket>;
    acceptor_type acceptor(context(), tcp::endpoint(asio::ip::address_v4::loopback(), 0));
    socket_type client(context());
    auto [server, nothing] =
        co_await fanout::gather(acceptor.async_accept(), client.async_connect(acceptor.local_endpoint()));
    co_await asio::async_write(client, asio::buffer("hello", 5));
    std::array<char, 5> text;
    EXPECT_EQ(co_await asio::async_read(server, asio::buffer(text)), 5U);
    EXPECT_EQ(std::string_view(text.data(), 5), "hello");
  };
  run(main());
}

// --- when it begins, and where it goes on

TEST_F(UseTask, BeginsWhenItIsAwaited) {
  bool begun = false;
  auto main = [&]() -> task<> {
    auto begins = operation<void()>([&](auto handler) {
      begun = true;
      std::move(handler)();
    });
    co_await others_run();
    EXPECT_FALSE(begun);
    co_await std::move(begins);
    EXPECT_TRUE(begun);
  };
  run(main());
}

TEST_F(UseTask, NotAwaitedItNeverBeginsAndLeavesNothingBehind) {
  bool begun = false;
  const auto argument = std::make_shared<int>(1);
  auto main = [&]() -> task<> {
    {
      const auto never = operation<void()>([&begun, argument](auto handler) {
        begun = true;
        std::move(handler)();
      });
      EXPECT_EQ(argument.use_count(), 2);
    }
    co_await others_run();
  };
  run(main());
  EXPECT_FALSE(begun);
  EXPECT_EQ(argument.use_count(), 1);
}

TEST_F(UseTask, KeepsItsArgumentsUntilItHasEnded) {
  // The token of a composed operation, and what it was given, belong to the task, not to the expression that made it.
  auto main = []() -> task<> {
    auto [client, server] = co_await connected();
    std::string received;
    auto reads = [&] {
      return asio::async_read_until(server, asio::dynamic_buffer(received), std::string("end"), use_task);
    };
    auto read = reads();
    co_await write_all(client, "from the beginning to the end");
    EXPECT_EQ(co_await std::move(read), received.size());
  };
  run(main());
}

TEST_F(UseTask, MayEndBeforeItsInitiationReturns) {
  auto main = [this]() -> task<int> {
    const int got = co_await operation<void(int)>([](auto handler) { std::move(handler)(5); });
    EXPECT_TRUE(is_here());
    co_return got;
  };
  EXPECT_EQ(run(main()), 5);
}

TEST_F(UseTask, MayEndInAnotherThread) {
  auto main = [this]() -> task<> {
    for (int round = 0; round < 200; ++round) {
      std::jthread other;
      const int got = co_await operation<void(int)>([&](auto handler) {
        other = std::jthread([handler = std::move(handler), round]() mutable { std::move(handler)(round); });
      });
      EXPECT_EQ(got, round);
      EXPECT_TRUE(is_here());
    }
  };
  run(main());
}

TEST_F(UseTask, OnAnExecutorOfAnotherThreadEndsOnTheLoop) {
  asio::thread_pool pool(2);
  auto main = [&]() -> task<> {
    for (int round = 0; round < 200; ++round) {
      co_await asio::post(pool, use_task);
      EXPECT_TRUE(is_here());
      co_await asio::dispatch(pool, use_task);
      EXPECT_TRUE(is_here());
      co_await asio::defer(pool, use_task);
      EXPECT_TRUE(is_here());
    }
  };
  run(main());
  pool.join();
}

TEST_F(UseTask, ObjectsOfAThreadPoolOfAsiosMayBeAwaited) {
  asio::thread_pool pool(1);
  auto main = [&]() -> task<> {
    asio::steady_timer timer(pool, 1ms);
    co_await timer.async_wait(use_task);
    EXPECT_TRUE(is_here());
  };
  run(main());
  pool.join();
}

TEST_F(UseTask, ObjectsOnAStrandOfTheLoopMayBeAwaited) {
  auto main = [this]() -> task<> {
    asio::steady_timer timer(asio::make_strand(context()), 0s);
    co_await timer.async_wait(use_task);
    EXPECT_TRUE(is_here());
  };
  EXPECT_EQ(run(end_of(main())), "nothing");
}

TEST_F(UseTask, PostComesBackAfterWhatWasPostedBefore) {
  auto main = [this]() -> task<std::string> {
    std::string order;
    asio::post(context(), [&] { order += "first "; });
    co_await asio::post(use_task);
    order += "then us";
    co_return order;
  };
  context();
  EXPECT_EQ(run(main()), "first then us");
}

TEST_F(UseTask, MayBeAwaitedManyTimesInARow) {
  auto main = [this]() -> task<int> {
    int count = 0;
    asio::steady_timer timer(context(), 0s);
    for (; count < 1000; ++count) co_await timer.async_wait(use_task);
    co_return count;
  };
  EXPECT_EQ(run(main()), 1000);
}

}  // namespace
}  // namespace fanout_test
