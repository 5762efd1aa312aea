// SPDX-License-Identifier: Apache-2.0
// A use of every line of the public face that needs <fanout/asio.hpp>.
#include <gtest/gtest.h>
#include <fanout/asio.hpp>
#include <fanout/fanout.hpp>

#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/local/connect_pair.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <chrono>
#include <concepts>
#include <string_view>

namespace {

namespace asio = boost::asio;

TEST(Face, UseTaskMakesAnyAsioOperationAwaitable) {
  fanout::event_loop loop;
  asio::io_context& context = loop.context();
  asio::local::stream_protocol::socket socket(context), other(context);
  asio::local::connect_pair(socket, other);
  auto main = [&]() -> fanout::task<> {
    co_await asio::async_write(other, asio::buffer("hello", 5), fanout::use_task);
    std::array<char, 16> bytes;
    const auto buffer = asio::buffer(bytes);
    auto n = co_await socket.async_read_some(buffer, fanout::use_task);
    static_assert(std::same_as<decltype(n), std::size_t>);
    EXPECT_EQ(std::string_view(bytes.data(), n), "hello");
  };
  loop.run(main());
}

TEST(Face, UseTaskMakesTasks) {
  auto main = []() -> fanout::task<> {
    asio::steady_timer never(co_await fanout::this_task::get_io_context(), asio::steady_timer::time_point::max());
    co_await fanout::timeout(std::chrono::milliseconds(1), never.async_wait(fanout::use_task));
  };
  EXPECT_THROW(fanout::run(main()), fanout::timed_out);
}

}  // namespace
