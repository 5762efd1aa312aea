// SPDX-License-Identifier: Apache-2.0
// A chat server: everybody gets every line that anybody writes, all in the same order. Ctrl-C ends it.
// Lines are queued for each member, so that who reads slowly delays nobody; whose queue is full is thrown out.
//
//     chat [PORT]        the port: a free one, if none is given. To take part: telnet localhost PORT
#include <fanout/asio.hpp>
#include <fanout/fanout.hpp>

#include <boost/asio.hpp>
#include <csignal>
#include <iostream>
#include <map>
#include <memory>
#include <string>

using namespace std::chrono_literals;
namespace asio = boost::asio;
using asio::ip::tcp;

struct member {
  fanout::task<std::string> read_line() {
    const auto buffer = asio::dynamic_buffer(received, 1000);  // a longer line is an error
    const auto size = co_await asio::async_read_until(socket, buffer, '\n', fanout::use_task);
    std::string line = received.substr(0, size);
    received.erase(0, size);
    line.erase(line.find_last_not_of("\r\n") + 1);
    co_return line;
  }
  fanout::task<> deliver() {
    while (const auto line = co_await queue.receive()) {
      co_await asio::async_write(socket, asio::buffer(**line), fanout::use_task);
    }
  }

  tcp::socket socket;
  std::string received{};
  fanout::channel<std::shared_ptr<const std::string>> queue{100};
};

struct room {
  void say(const std::string& text) {
    const auto line = std::make_shared<const std::string>(text + '\n');
    for (const auto& [name, member] : members) {
      if (!member->queue.try_send(line)) member->socket.close();  // too slow: what it waits for fails now
    }
  }
  fanout::task<> listen(std::string name) {
    while (true) say(name + ": " + co_await members.at(name)->read_line());
  }

  std::map<std::string, member*> members{};
};

struct seat {
  ~seat() {
    here.members.erase(name);
    here.say("* " + name + " has left");
  }
  room& here;
  std::string name;
};

fanout::task<> attend(tcp::socket socket, room& here) {
  member me(std::move(socket));
  try {
    std::string name;
    do {
      co_await asio::async_write(me.socket, asio::buffer(std::string_view("Your name?\n")), fanout::use_task);
      name = co_await me.read_line();
    } while (name.empty() || !here.members.emplace(name, &me).second);
    const seat mine{here, name};
    here.say("* " + name + " has come");
    co_await fanout::gather(here.listen(name), me.deliver());  // until one of them fails
  } catch (const boost::system::system_error&) {
    // Has hung up, or was thrown out.
  }
}

fanout::task<> serve(tcp::acceptor acceptor) {
  std::cout << "listening on " << acceptor.local_endpoint() << std::endl;
  room here;
  co_await fanout::with_task_group([&](fanout::task_group& members) -> fanout::task<> {
    while (true) {
      auto [error, socket] = co_await acceptor.async_accept(asio::as_tuple(fanout::use_task));
      if (!error) members.spawn(attend(std::move(socket), here));
      if (error) co_await fanout::sleep(100ms);  // out of descriptors, most likely: until somebody leaves
    }
  });
}

fanout::task<> serve_until_interrupted(unsigned short port) {
  tcp::acceptor acceptor(co_await fanout::this_task::get_io_context(), {asio::ip::address_v4::loopback(), port});
  const auto server = fanout::spawn(serve(std::move(acceptor)));  // begins when this waits: no Ctrl-C is missed
  co_await fanout::signal_received(SIGINT, SIGTERM);
}  // run() stops the server, and with it everybody's connection

int main(int argc, char** argv) try {
  fanout::run(serve_until_interrupted(argc > 1 ? static_cast<unsigned short>(std::stoi(argv[1])) : 0));
} catch (const std::exception& error) {
  std::cerr << "chat: " << error.what() << '\n';
  return 1;
}
