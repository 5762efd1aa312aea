// SPDX-License-Identifier: Apache-2.0
// A TCP server that sends back what it gets: one coroutine for each connection, all on one thread, until Ctrl-C.
//
//     echo_server [PORT]        the port: a free one, if none is given
#include <fanout/asio.hpp>
#include <fanout/fanout.hpp>

#include <array>
#include <boost/asio.hpp>
#include <csignal>
#include <iostream>
#include <string>

using namespace std::chrono_literals;
namespace asio = boost::asio;
using asio::ip::tcp;

fanout::task<> echo(tcp::socket socket) {
  try {
    std::array<char, 16384> data;
    while (true) {
      const auto size = co_await socket.async_read_some(asio::buffer(data), fanout::use_task);
      co_await asio::async_write(socket, asio::buffer(data, size), fanout::use_task);
    }
  } catch (const boost::system::system_error&) {
    // The client has hung up, in whatever way: this connection is over, the others are not.
  }
}

fanout::task<> serve(tcp::acceptor acceptor) {
  std::cout << "listening on " << acceptor.local_endpoint() << std::endl;
  co_await fanout::with_task_group([&](fanout::task_group& connections) -> fanout::task<> {
    while (true) {
      auto [error, socket] = co_await acceptor.async_accept(asio::as_tuple(fanout::use_task));
      if (!error) connections.spawn(echo(std::move(socket)));
      if (error) co_await fanout::sleep(100ms);  // out of descriptors, most likely: until somebody hangs up
    }
  });
}

fanout::task<> serve_until_interrupted(unsigned short port) {
  tcp::acceptor acceptor(co_await fanout::this_task::get_io_context(), {asio::ip::address_v4::loopback(), port});
  const auto server = fanout::spawn(serve(std::move(acceptor)));  // begins when this waits: no Ctrl-C is missed
  co_await fanout::signal_received(SIGINT, SIGTERM);
}  // run() stops the server, and with it its connections

int main(int argc, char** argv) try {
  fanout::run(serve_until_interrupted(argc > 1 ? static_cast<unsigned short>(std::stoi(argv[1])) : 0));
} catch (const std::exception& error) {
  std::cerr << "echo_server: " << error.what() << '\n';
  return 1;
}
