// SPDX-License-Identifier: Apache-2.0
// As core/cancellation_test.cpp, for what only event loops have: a program that uses use_task and signal_received in
// every way is stopped before its first step, before its second, and so on, until it ends before it is stopped. Every
// task must end, and no frame or descriptor may stay.
#include <boost/asio/experimental/channel.hpp>
#include <csignal>
#include <functional>

#include "io_fixture.hpp"

namespace fanout_test {
namespace {

class IoCancellation : public io_suite {
 protected:
  /// In every coroutine of the program, from its beginning to its end.
  class guard {
   public:
    explicit guard(IoCancellation& suite) : suite_(suite) { ++suite_.present_; }
    guard(const guard&) = delete;
    guard& operator=(const guard&) = delete;
    ~guard() { --suite_.present_; }

   private:
    IoCancellation& suite_;
  };

  // The parts of the program. Each comes to 1.

  task<int> talks() {
    const guard here(*this);
    auto [client, server] = co_await connected();
    auto [asked, nothing] = co_await fanout::gather(read_exactly(server, 4), write_all(client, "ping"));
    auto [sent, answer] = co_await fanout::gather(write_all(server, "a line\nand more"), read_line(client));
    server.close();
    std::string rest;
    const auto [error, count] = co_await asio::async_read(client, asio::dynamic_buffer(rest), asio::as_tuple(use_task));
    EXPECT_EQ(error, asio::error::eof);
    co_return asked == "ping" && answer == "a line\n" && count < 10 ? 1 : 0;
  }
  task<std::string> read_line(tcp::socket& socket) {
    const guard here(*this);
    std::string text;
    const std::size_t size = co_await asio::async_read_until(socket, asio::dynamic_buffer(text), '\n', use_task);
    co_return text.substr(0, size);
  }

  task<int> waits_until_it_can_read() {
    const guard here(*this);
    auto [client, server] = co_await connected();
    co_await fanout::gather(server.async_wait(tcp::socket::wait_read, use_task), write_all(client, "x"));
    co_return static_cast<int>(server.available());
  }

  task<int> waits_for_timers() {
    const guard here(*this);
    asio::steady_timer soon(context(), 0s), never(context(), 24h);
    co_await soon.async_wait(use_task);
    auto cancels = [](IoCancellation& suite, asio::steady_timer& timer) -> task<> {
      const guard inner(suite);
      co_await others_run();
      timer.cancel();
    };
    error_code redirected;
    auto [text, tuple, nothing, done] =
        co_await fanout::gather(end_of(never.async_wait(use_task)), never.async_wait(asio::as_tuple(use_task)),
                                never.async_wait(asio::redirect_error(use_task, redirected)), cancels(*this, never));
    co_await fanout::yield();  // if it was stopped, here it says so: end_of() does not
    co_return text == aborted&& get<0>(tuple) == asio::error::operation_aborted&& redirected ? 1 : 0;
  }

  task<int> uses_pipes() {
    const guard here(*this);
    asio::readable_pipe reads(context());
    asio::writable_pipe writes(context());
    asio::connect_pipe(reads, writes);
    auto [text, nothing] = co_await fanout::gather(read_exactly(reads, 3), write_all(writes, "abc"));
    co_return text == "abc" ? 1 : 0;
  }

  task<int> sends_datagrams() {
    const guard here(*this);
    using asio::ip::udp;
    udp::socket one(context(), udp::endpoint(asio::ip::address_v4::loopback(), 0));
    udp::socket two(context(), udp::endpoint(asio::ip::address_v4::loopback(), 0));
    udp::endpoint from;
    std::array<char, 8> bytes;
    auto [got, sent] =
        co_await fanout::gather(two.async_receive_from(asio::buffer(bytes), from, use_task),
                                one.async_send_to(asio::buffer("hello", 5), two.local_endpoint(), use_task));
    co_return got == 5 && from == one.local_endpoint() ? 1 : 0;
  }

  task<int> resolves() {
    const guard here(*this);
    tcp::resolver resolver(context());
    const auto found = co_await resolver.async_resolve("127.0.0.1", "80", tcp::resolver::numeric_host, use_task);
    co_return static_cast<int>(found.size());
  }

  task<int> uses_what_asio_has() {
    const guard here(*this);
    auto theirs = [](int x) -> asio::awaitable<int> {
      asio::steady_timer timer(co_await asio::this_coro::executor, 0s);
      co_await timer.async_wait(asio::use_awaitable);
      co_return x;
    };
    const int one = co_await asio::co_spawn(context(), theirs(1), use_task);
    asio::experimental::channel<void(error_code, int)> numbers(context());
    auto [nothing, two] =
        co_await fanout::gather(numbers.async_send(error_code(), 2, use_task), numbers.async_receive(use_task));
    co_await asio::post(context(), use_task);
    const int three = co_await ends_with<void(error_code, int)>(use_task, error_code(), 3);
    co_return one == 1 && two == 2 && three == 3 ? 1 : 0;
  }

  task<int> receives_signals() {
    const guard here(*this);
    auto raises = [](IoCancellation& suite) -> task<> {
      const guard inner(suite);
      co_await others_run();
      ::raise(SIGUSR1);
    };
    auto [one, other, nothing] = co_await fanout::gather(fanout::signal_received(SIGUSR1),
                                                         fanout::signal_received(SIGUSR2, SIGUSR1), raises(*this));
    co_return one == SIGUSR1&& other == SIGUSR1 ? 1 : 0;
  }

  static constexpr std::array parts{
      &IoCancellation::talks,
      &IoCancellation::waits_until_it_can_read,
      &IoCancellation::waits_for_timers,
      &IoCancellation::uses_pipes,
      &IoCancellation::sends_datagrams,
      &IoCancellation::resolves,
      &IoCancellation::uses_what_asio_has,
      &IoCancellation::receives_signals,
  };
  static constexpr int complete = 2 * static_cast<int>(parts.size());

  /// All of them one after another, and all at the same time.
  task<int> program() {
    const guard here(*this);
    int sum = 0;
    for (const auto part : parts) sum += co_await (this->*part)();
    std::vector<task<int>> all;
    for (const auto part : parts) all.push_back((this->*part)());
    for (const int value : co_await fanout::gather(std::move(all))) sum += value;
    EXPECT_EQ(present_, 1) << "still running after its awaiter has gone on";
    co_await fanout::yield();
    co_return sum;
  }

  /// Everybody who is ready has his turn; or the context has one look at what is outstanding.
  task<> one_step(int number) {
    if (number % 2 == 1) {
      co_await fanout::yield();
    } else {
      co_await asio::post(context(), use_task);
    }
  }

  /// Stops the program before its step k. False: it had ended by then.
  task<bool> stop_before(int k) {
    auto f = fanout::spawn(program());
    for (int step = 1; step < k && !f.ready(); ++step) co_await one_step(step);
    const bool asked = f.cancel();
    try {
      EXPECT_EQ(co_await std::move(f), complete);
      EXPECT_FALSE(asked) << "swallowed";
    } catch (const fanout::cancelled&) {
      EXPECT_TRUE(asked);
    }
    EXPECT_EQ(present_, 0);
    co_return asked;
  }

  int present_ = 0;
};

TEST_F(IoCancellation, AtEveryStepEndsEveryTask) {
  const asio::signal_set kept(context(), SIGUSR1);  // so that one that nobody receives any more does no harm
  constexpr int never = 1'000'000;
  ASSERT_FALSE(run(stop_before(never)));  // and what Asio opens once and for all is open
  const auto frames = fanout::detail::live_frames();
  const auto descriptors = open_descriptors();
  int k = 0;
  while (run(stop_before(++k))) {
    ASSERT_EQ(fanout::detail::live_frames(), frames) << "frames stay alive after step " << k;
    ASSERT_EQ(open_descriptors(), descriptors) << "a descriptor stays open after step " << k;
    ASSERT_FALSE(HasFailure()) << "at step " << k;
  }
  EXPECT_GT(k, 50);
}

TEST_F(IoCancellation, ByTheEndOfRunAtEveryStepEndsEveryTask) {
  const asio::signal_set kept(context(), SIGUSR1);
  bool ended = false;
  for (int k = 1; !ended; ++k) {
    auto main = [&]() -> task<> {
      auto f = fanout::spawn(program());
      for (int step = 1; step < k && !f.ready(); ++step) co_await one_step(step);
      ended = f.ready();
    };
    run(main());
    ASSERT_EQ(present_, 0) << "at step " << k;
  }
}

}  // namespace
}  // namespace fanout_test
