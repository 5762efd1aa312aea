// SPDX-License-Identifier: Apache-2.0
// Recipes about sockets: a client and a server that talk in lines.
#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "recipe.hpp"

namespace {

// [recipe: A TCP client that talks in lines]
fanout::task<std::string> ask(tcp::socket& socket, std::string& received, std::string question) {
  question += '\n';
  co_await asio::async_write(socket, asio::buffer(question), fanout::use_task);
  const std::size_t size = co_await asio::async_read_until(socket, asio::dynamic_buffer(received, 65'536), '\n',
                                                           fanout::use_task);  // a longer line is an error
  std::string line = received.substr(0, size - 1);
  received.erase(0, size);  // what has come of the next line stays
  co_return line;
}

fanout::task<std::vector<std::string>> ask_all(std::string host, std::string port, std::vector<std::string> questions) {
  auto& context = co_await fanout::this_task::get_io_context();
  tcp::resolver resolver(context);
  tcp::socket socket(context);
  const auto addresses = co_await resolver.async_resolve(host, port, fanout::use_task);
  co_await asio::async_connect(socket, addresses, fanout::use_task);
  std::vector<std::string> answers;
  std::string received;
  for (auto& question : questions) answers.push_back(co_await ask(socket, received, std::move(question)));
  co_return answers;
}
// [end]

// [recipe: A server that shuts down gracefully]
fanout::task<> talk(tcp::socket client) {
  std::string received;
  for (;;) {
    const auto [error, size] = co_await asio::async_read_until(client, asio::dynamic_buffer(received, 65'536), '\n',
                                                               asio::as_tuple(fanout::use_task));
    if (error) co_return;  // this client has gone, most often; the others stay
    const std::string line = "you said " + received.substr(0, size);
    received.erase(0, size);
    const auto [failure, sent] =
        co_await asio::async_write(client, asio::buffer(line), asio::as_tuple(fanout::use_task));
    if (failure) co_return;
  }
}

fanout::task<> accept_and_wait(tcp::acceptor& acceptor, fanout::event& over) {
  co_await fanout::with_task_group([&](fanout::task_group& clients) -> fanout::task<> {
    while (acceptor.is_open()) {
      auto [error, client] = co_await acceptor.async_accept(asio::as_tuple(fanout::use_task));
      if (error == asio::error::operation_aborted) break;  // it was closed
      if (error) throw boost::system::system_error(error);
      clients.spawn(talk(std::move(client)));
    }
  });
  over.set();
}

fanout::task<> wait_for(fanout::event& over) { co_await over.wait(); }

fanout::task<> serve(tcp::acceptor& acceptor, fanout::duration grace) {
  fanout::event over;
  co_await fanout::with_task_group([&](fanout::task_group& group) -> fanout::task<> {
    auto serving = group.spawn(accept_and_wait(acceptor, over));  // if it throws, all of this ends with its error
    co_await fanout::signal_received(SIGINT, SIGTERM);            // a second one ends the program, as usual
    acceptor.close();                                             // nobody new; who is there may finish
    try {
      co_await fanout::timeout(grace, wait_for(over));
    } catch (const fanout::timed_out&) {
      serving.cancel();  // the clients that are left are asked to stop
    }
  });
}
// [end]

using socket_with_tasks = fanout::use_task_t::as_default_on_t<tcp::socket>;

TEST(Cookbook, ClientTalksToTheServer) {
  fanout::event_loop loop;
  tcp::acceptor acceptor(loop.context(), any_port);
  const auto address = acceptor.local_endpoint();
  auto client = [&]() -> fanout::task<std::vector<std::string>> {
    auto answers = co_await ask_all("localhost", std::to_string(address.port()), {"one", "two", ""});
    ::kill(::getpid(), SIGTERM);
    co_return answers;
  };
  const auto [ignored, answers] = loop.run(fanout::gather(serve(acceptor, 1h), client()));
  EXPECT_EQ(answers, (std::vector<std::string>{"you said one", "you said two", "you said "}));
}

TEST(Cookbook, ServerLetsItsClientsFinish) {
  fanout::event_loop loop;
  tcp::acceptor acceptor(loop.context(), any_port);
  const auto address = acceptor.local_endpoint();
  auto client = [&]() -> fanout::task<> {
    tcp::socket socket(loop.context());
    std::string received;
    co_await socket.async_connect(address, fanout::use_task);
    EXPECT_EQ(co_await ask(socket, received, "before"), "you said before");
    ::kill(::getpid(), SIGTERM);
    while (acceptor.is_open()) co_await fanout::yield();
    EXPECT_EQ(co_await ask(socket, received, "after"), "you said after");

    tcp::socket late(loop.context());
    auto [error] = co_await late.async_connect(address, asio::as_tuple(fanout::use_task));
    EXPECT_EQ(error, asio::error::connection_refused);
  };
  loop.run(fanout::gather(serve(acceptor, 1h), client()));
}

TEST(Cookbook, ServerDoesNotWaitForEver) {
  fanout::event_loop loop;
  tcp::acceptor acceptor(loop.context(), any_port);
  const std::jthread stays([address = acceptor.local_endpoint()] {
    asio::io_context context;
    tcp::socket socket(context);
    socket.connect(address);
    asio::write(socket, asio::buffer("hello\n", 6));
    std::string received;
    asio::read_until(socket, asio::dynamic_buffer(received), '\n');
    ::kill(::getpid(), SIGTERM);
    boost::system::error_code error;
    asio::read(socket, asio::dynamic_buffer(received), error);
    EXPECT_EQ(error, asio::error::eof);  // the server has left, not this
  });
  loop.run(serve(acceptor, 1ms));
}

TEST(Cookbook, ObjectsMayReturnTasksUnasked) {
  fanout::event_loop loop;
  tcp::acceptor acceptor(loop.context(), any_port);
  auto main = [&]() -> fanout::task<> {
    socket_with_tasks socket(loop.context());
    co_await socket.async_connect(acceptor.local_endpoint());
    EXPECT_TRUE(socket.is_open());
  };
  loop.run(main());
}

}  // namespace
