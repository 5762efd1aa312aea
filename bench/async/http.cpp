// SPDX-License-Identifier: Apache-2.0
// HTTP over loopback with Boost.Beast: GETs on 1000 connections that stay open, both ends on one loop. The same
// coroutines as tasks of fanout and as awaitables of Boost.Asio. Python's asyncio does the same in http_asyncio.py.
#include <benchmark/benchmark.h>
#include <sys/resource.h>

#include <boost/asio.hpp>
#include <boost/beast.hpp>
#include <deque>
#include <stdexcept>
#include <utility>
#include <vector>

#include "fanout/asio.hpp"
#include "fanout/fanout.hpp"

namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using asio::ip::tcp;

constexpr int requests = 10;  // on each connection, each time the loop runs
const std::string body(100, 'x');

template <class Task, class Token>
Task serve(beast::tcp_stream& stream, Token token) {
  beast::flat_buffer buffer;
  for (int i = 0; i < requests; ++i) {
    http::request<http::empty_body> request;
    co_await http::async_read(stream, buffer, request, token);
    http::response<http::string_body> response(http::status::ok, request.version(), body);
    response.set(http::field::content_type, "text/plain");
    response.keep_alive(request.keep_alive());
    response.prepare_payload();
    co_await http::async_write(stream, response, token);
  }
}
template <class Task, class Token>
Task fetch(beast::tcp_stream& stream, Token token) {
  beast::flat_buffer buffer;
  for (int i = 0; i < requests; ++i) {
    http::request<http::empty_body> request(http::verb::get, "/", 11);
    request.set(http::field::host, "localhost");
    co_await http::async_write(stream, request, token);
    http::response<http::string_body> response;
    co_await http::async_read(stream, buffer, response, token);
    if (response.body() != body) throw std::runtime_error("http: another body");
  }
}

struct connection {
  beast::tcp_stream client, server;
};

/// `count` of them. Each takes two descriptors, and a process usually begins with 1024.
std::deque<connection> connect(asio::io_context& context, int count) {
  rlimit files{};
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);

  tcp::acceptor acceptor(context, {asio::ip::address_v4::loopback(), 0});
  std::deque<connection> made;
  for (int i = 0; i < count; ++i) {
    auto& [client, server] = made.emplace_back(beast::tcp_stream(context), beast::tcp_stream(context));
    client.socket().connect(acceptor.local_endpoint());
    acceptor.accept(server.socket());
    for (auto* const stream : {&client, &server}) stream->socket().set_option(tcp::no_delay(true));
  }
  return made;
}

void count(benchmark::State& state) { state.SetItemsProcessed(state.iterations() * state.range(0) * requests); }

void http_fanout(benchmark::State& state) {
  fanout::event_loop loop;
  auto connections = connect(loop.context(), static_cast<int>(state.range(0)));
  for (auto _ : state) {
    std::vector<fanout::task<>> tasks;
    for (auto& [client, server] : connections) {
      tasks.push_back(serve<fanout::task<>>(server, fanout::use_task));
      tasks.push_back(fetch<fanout::task<>>(client, fanout::use_task));
    }
    loop.run(fanout::gather(std::move(tasks)));
  }
  count(state);
}
void http_asio(benchmark::State& state) {
  asio::io_context context(1);
  auto connections = connect(context, static_cast<int>(state.range(0)));
  const auto rethrow = [](const std::exception_ptr& error) {
    if (error) std::rethrow_exception(error);
  };
  for (auto _ : state) {
    for (auto& [client, server] : connections) {
      asio::co_spawn(context, serve<asio::awaitable<void>>(server, asio::use_awaitable), rethrow);
      asio::co_spawn(context, fetch<asio::awaitable<void>>(client, asio::use_awaitable), rethrow);
    }
    context.run();
    context.restart();
  }
  count(state);
}
BENCHMARK(http_fanout)->Arg(1)->Arg(1000);
BENCHMARK(http_asio)->Arg(1)->Arg(1000);

}  // namespace
