// SPDX-License-Identifier: Apache-2.0
// Messages there and back over TCP connections on loopback, both ends on one loop: fanout, Boost.Asio's awaitable.
#include <benchmark/benchmark.h>

#include <array>
#include <boost/asio.hpp>
#include <boost/asio/as_tuple.hpp>
#include <utility>
#include <vector>

#include "fanout/asio.hpp"
#include "fanout/fanout.hpp"

namespace {

namespace asio = boost::asio;
using asio::ip::tcp;

constexpr int round_trips = 100;  // of each connection, each time the loop runs
using message = std::array<char, 64>;

/// Connections, both ends of each.
std::vector<std::pair<tcp::socket, tcp::socket>> connect(asio::io_context& context, int count) {
  tcp::acceptor acceptor(context, {asio::ip::address_v4::loopback(), 0});
  std::vector<std::pair<tcp::socket, tcp::socket>> made;
  for (int i = 0; i < count; ++i) {
    tcp::socket client(context);
    client.connect(acceptor.local_endpoint());
    client.set_option(tcp::no_delay(true));
    auto server = acceptor.accept();
    server.set_option(tcp::no_delay(true));
    made.emplace_back(std::move(client), std::move(server));
  }
  return made;
}

// The same program twice: only the types and the tokens differ.

fanout::task<> fanout_echo(tcp::socket& socket) {
  message data{};
  for (int i = 0; i < round_trips; ++i) {
    const auto size = co_await socket.async_read_some(asio::buffer(data), fanout::use_task);
    co_await asio::async_write(socket, asio::buffer(data, size), fanout::use_task);
  }
}
fanout::task<> fanout_ask(tcp::socket& socket) {
  message data{};
  for (int i = 0; i < round_trips; ++i) {
    co_await asio::async_write(socket, asio::buffer(data), fanout::use_task);
    co_await asio::async_read(socket, asio::buffer(data), fanout::use_task);
  }
}
asio::awaitable<void> asio_echo(tcp::socket& socket) {
  message data{};
  for (int i = 0; i < round_trips; ++i) {
    const auto size = co_await socket.async_read_some(asio::buffer(data), asio::use_awaitable);
    co_await asio::async_write(socket, asio::buffer(data, size), asio::use_awaitable);
  }
}
asio::awaitable<void> asio_ask(tcp::socket& socket) {
  message data{};
  for (int i = 0; i < round_trips; ++i) {
    co_await asio::async_write(socket, asio::buffer(data), asio::use_awaitable);
    co_await asio::async_read(socket, asio::buffer(data), asio::use_awaitable);
  }
}

void count(benchmark::State& state) { state.SetItemsProcessed(state.iterations() * state.range(0) * round_trips); }

void echo_fanout(benchmark::State& state) {
  fanout::event_loop loop;
  auto connections = connect(loop.context(), static_cast<int>(state.range(0)));
  for (auto _ : state) {
    std::vector<fanout::task<>> tasks;
    for (auto& [client, server] : connections) {
      tasks.push_back(fanout_echo(server));
      tasks.push_back(fanout_ask(client));
    }
    loop.run(fanout::gather(std::move(tasks)));
  }
  count(state);
}
void echo_asio(benchmark::State& state) {
  asio::io_context context(1);
  auto connections = connect(context, static_cast<int>(state.range(0)));
  for (auto _ : state) {
    for (auto& [client, server] : connections) {
      asio::co_spawn(context, asio_echo(server), asio::detached);
      asio::co_spawn(context, asio_ask(client), asio::detached);
    }
    context.run();
    context.restart();
  }
  count(state);
}
BENCHMARK(echo_fanout)->Arg(1)->Arg(64)->Arg(1000);
BENCHMARK(echo_asio)->Arg(1)->Arg(64)->Arg(1000);

}  // namespace
