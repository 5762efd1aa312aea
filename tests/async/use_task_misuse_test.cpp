// SPDX-License-Identifier: Apache-2.0
// What cannot work is refused where it is awaited, in a sentence that says what to do; and nobody waits for ever.
#include <gmock/gmock.h>

#include <functional>
#include <stdexcept>

#include "detached.hpp"
#include "io_fixture.hpp"

namespace fanout_test {
namespace {

using testing::HasSubstr;

class UseTaskMisuse : public io_suite {
 protected:
  static constexpr const char* other_context =
      "use_task: the object of this operation was made with another io_context, which this loop does not run";
  static constexpr const char* no_loop = "use_task: this coroutine does not run on an event_loop, which does the I/O";
  static constexpr const char* dropped = "use_task: Asio dropped the operation without completing it";
};

TEST_F(UseTaskMisuse, AnObjectOfAnotherContextIsRefused) {
  asio::io_context other;
  auto main = [&]() -> task<> {
    asio::steady_timer timer(other, 0s);
    EXPECT_THAT(co_await end_of(timer.async_wait(use_task)), HasSubstr(other_context));

    asio::basic_waitable_timer<std::chrono::steady_clock, asio::wait_traits<std::chrono::steady_clock>,
                               asio::io_context::executor_type>
        typed(other, 0s);
    EXPECT_THAT(co_await end_of(typed.async_wait(use_task)), HasSubstr(other_context));

    fanout::use_task_t::as_default_on_t<asio::steady_timer> unasked(other, 0s);
    EXPECT_THAT(co_await end_of(unasked.async_wait()), HasSubstr(other_context));

    EXPECT_THAT(co_await end_of(asio::post(other, use_task)), HasSubstr(other_context));

    tcp::socket socket(other);
    std::array<char, 1> byte;
    EXPECT_THAT(co_await end_of(asio::async_read(socket, asio::buffer(byte), use_task)), HasSubstr(other_context));
  };
  run(main());
}

TEST_F(UseTaskMisuse, AnObjectOfAnotherLoopIsRefused) {
  fanout::event_loop other;
  asio::steady_timer timer(other.context(), 0s);
  EXPECT_THAT(run(end_of(timer.async_wait(use_task))), HasSubstr(other_context));
  EXPECT_EQ(other.run(end_of(timer.async_wait(use_task))), "nothing");
}

TEST_F(UseTaskMisuse, OtherExecutorsAreRefused) {
  asio::steady_timer timer(context(), 0s);
  fanout::thread_pool pool(1);
  EXPECT_THAT(pool.run(end_of(timer.async_wait(use_task))), HasSubstr(no_loop));
  fanout::serial_executor serial;
  EXPECT_THAT(serial.run(end_of(timer.async_wait(use_task))), HasSubstr(no_loop));

  const auto gets = []() -> task<> { co_await fanout::this_task::get_io_context(); };
  const auto no_context = HasSubstr("get_io_context: this coroutine does not run on an event_loop");
  EXPECT_THAT(pool.run(end_of(gets())), no_context);
  EXPECT_THAT(serial.run(end_of(gets())), no_context);
}

detached awaits_outside(task<> work, std::string& said) {
  try {
    co_await std::move(work);
    said = "(it was accepted)";
  } catch (const fanout::error& e) {
    said = e.what();
  }
}

TEST_F(UseTaskMisuse, NoExecutorIsRefused) {
  asio::steady_timer timer(context(), 0s);
  std::string said;
  awaits_outside(timer.async_wait(use_task), said);
  EXPECT_THAT(said, HasSubstr("use_task: this coroutine runs on no executor"));
}

TEST_F(UseTaskMisuse, AHandlerThatIsDroppedAtOnceIsAnError) {
  EXPECT_THAT(run(end_of(operation<void()>([](auto) {}))), HasSubstr(dropped));
  EXPECT_THAT(run(end_of(operation<void(error_code, int)>([](auto) {}))), HasSubstr(dropped));
}

TEST_F(UseTaskMisuse, AHandlerThatIsDroppedLaterIsAnError) {
  auto main = []() -> task<> {
    auto other = std::make_unique<asio::io_context>();
    auto waits = fanout::spawn(end_of(operation<void()>([&](auto handler) {
      asio::post(*other, [handler = std::move(handler)]() mutable { std::move(handler)(); });
    })));
    co_await others_run();
    EXPECT_FALSE(waits.ready());
    other.reset();
    EXPECT_THAT(co_await std::move(waits), HasSubstr(dropped));
  };
  run(main());
}

TEST_F(UseTaskMisuse, AHandlerThatIsDroppedInAnotherThreadIsAnError) {
  auto main = []() -> task<> {
    for (int round = 0; round < 100; ++round) {
      std::jthread other;
      EXPECT_THAT(co_await end_of(operation<void()>([&](auto handler) {
                    other =
                        std::jthread([dropping = std::move(handler)]() mutable { auto gone = std::move(dropping); });
                  })),
                  HasSubstr(dropped));
    }
  };
  run(main());
}

TEST_F(UseTaskMisuse, AHandlerThatIsDroppedAfterAStopRequestIsCancelled) {
  auto main = []() -> task<> {
    std::optional<std::function<void()>> drop;
    auto waits = fanout::spawn(end_of(operation<void()>(
        [&](auto handler) { drop = [kept = std::make_shared<decltype(handler)>(std::move(handler))] {}; })));
    co_await others_run();
    waits.cancel();
    co_await others_run();
    EXPECT_FALSE(waits.ready()) << "it did not wait for the operation";
    drop.reset();
    EXPECT_EQ(co_await std::move(waits), "cancelled");
  };
  run(main());
}

TEST_F(UseTaskMisuse, AnInitiationMayThrow) {
  const auto throws = [](auto) { throw std::runtime_error("on purpose"); };
  EXPECT_EQ(run(end_of(operation<void()>(throws))), "on purpose");
  EXPECT_EQ(run(end_of(operation<void(error_code, int)>(throws))), "on purpose");
}

TEST_F(UseTaskMisuse, AnInitiationThatThrowsAfterItHasEndedTheOperationThrows) {
  EXPECT_EQ(run(end_of(operation<void()>([](auto handler) {
              std::move(handler)();
              throw std::runtime_error("on purpose");
            }))),
            "on purpose");
}

TEST_F(UseTaskMisuse, AClosedObjectIsAnErrorOfTheOperation) {
  auto main = [this]() -> task<> {
    tcp::socket never_opened(context());
    std::array<char, 1> byte;
    EXPECT_EQ(co_await end_of(never_opened.async_read_some(asio::buffer(byte), use_task)),
              error_code(asio::error::bad_descriptor).message());
  };
  run(main());
}

}  // namespace
}  // namespace fanout_test
