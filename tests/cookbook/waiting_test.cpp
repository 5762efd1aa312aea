// SPDX-License-Identifier: Apache-2.0
// Recipes about waiting: not too much at once, not too long, not only once.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "recipe.hpp"

namespace {

// [recipe: Several downloads, two at a time]
fanout::task<std::string> download(tcp::endpoint server, std::string path) {
  tcp::socket socket(co_await fanout::this_task::get_io_context());
  co_await socket.async_connect(server, fanout::use_task);
  const std::string request = "GET " + path + " HTTP/1.0\r\n\r\n";
  co_await asio::async_write(socket, asio::buffer(request), fanout::use_task);
  std::string response;  // to the end of the connection, which is an error to Asio
  const auto [error, size] =
      co_await asio::async_read(socket, asio::dynamic_buffer(response), asio::as_tuple(fanout::use_task));
  if (error != asio::error::eof) throw boost::system::system_error(error);
  co_return response;
}

fanout::task<std::string> when_it_may(fanout::semaphore& connections, fanout::task<std::string> work) {
  const auto permit = co_await connections.acquire();
  co_return co_await std::move(work);
}

fanout::task<std::vector<std::string>> download_all(tcp::endpoint server, std::vector<std::string> paths) {
  fanout::semaphore connections(2);
  std::vector<fanout::task<std::string>> downloads;
  for (const auto& path : paths) downloads.push_back(when_it_may(connections, download(server, path)));
  co_return co_await fanout::gather(std::move(downloads));  // in the order of the paths; the first error stops the rest
}
// [end]

/// Answers each request with its path, but none before two clients are connected, or the last.
class web_server {
 public:
  explicit web_server(asio::io_context& context, int clients) : acceptor_(context, any_port), expected_(clients) {}

  fanout::task<> serve() {
    co_await fanout::with_task_group([this](fanout::task_group& group) -> fanout::task<> {
      for (int i = 0; i < expected_; ++i) group.spawn(answer(co_await acceptor_.async_accept(fanout::use_task)));
    });
  }
  tcp::endpoint address() const { return acceptor_.local_endpoint(); }
  int most_at_once() const { return most_; }

 private:
  fanout::task<> answer(tcp::socket client) {
    most_ = std::max(most_, ++connected_);
    ++arrived_;
    if (arrived_ % 2 == 0 || arrived_ == expected_) {
      pair_.set();
    } else {
      pair_.clear();
      co_await pair_.wait();
    }
    std::string request;
    co_await asio::async_read_until(client, asio::dynamic_buffer(request), "\r\n\r\n", fanout::use_task);
    const std::string answer = "content of " + request.substr(4, request.find(' ', 4) - 4);
    co_await asio::async_write(client, asio::buffer(answer), fanout::use_task);
    --connected_;  // before the connection ends, which is what the client waits for
  }

  tcp::acceptor acceptor_;
  const int expected_;
  fanout::event pair_;
  int arrived_ = 0;
  int connected_ = 0;
  int most_ = 0;
};

TEST(Cookbook, DownloadsWithALimit) {
  fanout::event_loop loop;
  web_server server(loop.context(), 5);
  const auto [ignored, contents] =
      loop.run(fanout::gather(server.serve(), download_all(server.address(), {"/a", "/b", "/c", "/d", "/e"})));
  EXPECT_EQ(contents, (std::vector<std::string>{"content of /a", "content of /b", "content of /c", "content of /d",
                                                "content of /e"}));
  EXPECT_EQ(server.most_at_once(), 2);
}

// [recipe: A time-out, and something else instead]
fanout::task<std::string> first_or_second(fanout::duration patience, fanout::task<std::string> first,
                                          fanout::task<std::string> second) {
  try {
    co_return co_await fanout::timeout(patience, std::move(first));
  } catch (const fanout::timed_out&) {  // nothing can be awaited in here: C++ does not allow it
  }
  co_return co_await std::move(second);  // begins only now
}
// [end]

fanout::task<std::string> answer(std::string text, bool& asked) {
  asked = true;
  co_return text;
}

TEST(Cookbook, TheSecondIsAskedIfTheFirstIsTooSlow) {
  fanout::event_loop loop;
  const tcp::acceptor silent(loop.context(), any_port);  // connects, and never answers
  bool asked = false;
  EXPECT_EQ(loop.run(first_or_second(1ms, download(silent.local_endpoint(), "/"), answer("cached", asked))), "cached");
  EXPECT_TRUE(asked);
}

TEST(Cookbook, TheSecondIsNotAskedIfTheFirstAnswers) {
  bool first = false;
  bool second = false;
  EXPECT_EQ(fanout::run(first_or_second(1h, answer("fresh", first), answer("cached", second))), "fresh");
  EXPECT_TRUE(first);
  EXPECT_FALSE(second);
}

// [recipe: Trying again, after longer and longer pauses]
template <class Attempt>  // a coroutine without arguments
std::invoke_result_t<Attempt&> retry(int attempts, fanout::duration pause, Attempt attempt) {
  for (;;) {
    try {
      co_return co_await attempt();
    } catch (const boost::system::system_error&) {  // what may pass by itself; `cancelled` is not caught
      if (--attempts <= 0) throw;
    }
    co_await fanout::sleep(pause);
    pause *= 2;
  }
}
// [end]

TEST(Cookbook, WhatFailsIsTriedAgain) {
  fanout::event_loop loop;
  tcp::acceptor server(loop.context(), tcp::v4());
  server.bind(any_port);
  int attempts = 0;
  loop.run(retry(5, 1ms, [&]() -> fanout::task<> {
    if (++attempts == 3) server.listen();  // until then connections are refused
    tcp::socket socket(loop.context());
    co_await socket.async_connect(server.local_endpoint(), fanout::use_task);
  }));
  EXPECT_EQ(attempts, 3);
}

TEST(Cookbook, TheLastErrorIsThrown) {
  fanout::event_loop loop;
  tcp::acceptor server(loop.context(), tcp::v4());
  server.bind(any_port);
  int attempts = 0;
  EXPECT_THROW(loop.run(retry(2, 1ms,
                              [&]() -> fanout::task<> {
                                ++attempts;
                                tcp::socket socket(loop.context());
                                co_await socket.async_connect(server.local_endpoint(), fanout::use_task);
                              })),
               boost::system::system_error);
  EXPECT_EQ(attempts, 2);
}

}  // namespace
