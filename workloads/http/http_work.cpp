// SPDX-License-Identifier: Apache-2.0
// The client: each task opens a connection, sends one GET, reads the answer to its end, and closes. It is one coroutine
// under every model.
#include <fmt/format.h>

#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/connect.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/buffer_body.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/write.hpp>
#include <chrono>
#include <fanout/asio.hpp>
#include <fanout/errors.hpp>
#include <fanout/timeout.hpp>
#include <stdexcept>
#include <utility>
#include <vector>

#include "workloads/blocking.hpp"
#include "workloads/digest.hpp"
#include "workloads/http/http.hpp"
#include "workloads/native_workload.hpp"

namespace workloads {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using asio::ip::tcp;

namespace {

constexpr std::chrono::seconds patience{30};

struct answer {
  unsigned status = 0;
  std::string reason;
  digest body{};
};

/// Once, and in the calling thread: else the resolver would be measured too.
std::vector<tcp::endpoint> addresses_of(const http_target& target) {
  asio::io_context context;
  boost::system::error_code error;
  const auto found = tcp::resolver(context).resolve(target.host, std::to_string(target.port), error);
  if (error) throw std::runtime_error(fmt::format("{}: {}", target.host_and_port, error.message()));
  return {found.begin(), found.end()};
}

fanout::task<> read_body(beast::tcp_stream& stream, beast::flat_buffer& buffer,
                         http::response_parser<http::buffer_body>& parser, digest& into) {
  std::array<char, 16384> bytes;
  while (!parser.is_done()) {
    parser.get().body().data = bytes.data();
    parser.get().body().size = bytes.size();
    const auto [error, size] = co_await http::async_read(stream, buffer, parser, asio::as_tuple(fanout::use_task));
    into.append({bytes.data(), bytes.size() - parser.get().body().size});
    if (error && error != http::error::need_buffer) throw boost::system::system_error(error);
  }
}

fanout::task<answer> get(const std::vector<tcp::endpoint>& addresses, http_target target) {
  beast::tcp_stream stream(co_await fanout::this_task::get_io_context());
  co_await stream.async_connect(addresses, fanout::use_task);
  http::request<http::empty_body> request(http::verb::get, target.path, 11);
  request.set(http::field::host, target.host_and_port);
  request.set(http::field::user_agent, "fanout");
  request.keep_alive(false);
  co_await http::async_write(stream, request, fanout::use_task);
  beast::flat_buffer buffer;
  http::response_parser<http::buffer_body> parser;
  parser.body_limit(boost::none);
  co_await http::async_read_header(stream, buffer, parser, fanout::use_task);
  answer found{.status = parser.get().result_int(),
               .reason = std::string(parser.get().reason().data(), parser.get().reason().size())};
  co_await read_body(stream, buffer, parser, found.body);
  co_return found;
}

class http_work final : public native_work {
 public:
  explicit http_work(http_spec spec) : spec_(std::move(spec)), addresses_(addresses_of(target_of(spec_, 0))) {}

  task_value call(task_input input) override { return run_blocking(call_async(std::move(input))); }

  fanout::task<task_value> call_async(task_input input) override {
    http_target target = target_of(spec_, input.number);
    const std::string name = target.host_and_port + target.path;
    answer found;
    std::string problem;
    try {
      found = co_await fanout::timeout(patience, get(addresses_, std::move(target)));
      if (found.status / 100 != 2) problem = fmt::format("{} {}", found.status, found.reason);
    } catch (const fanout::timed_out&) {
      problem = fmt::format("no answer within {} s", patience.count());
    } catch (const boost::system::system_error& error) {
      problem = error.code().message();
    }
    if (!problem.empty()) throw std::runtime_error(fmt::format("http://{}: {}", name, problem));
    co_return task_value{
        .type = "answer",
        .value = fmt::format("{}, {} bytes, FNV-1a {:016x}", found.status, found.body.size(), found.body.hash())};
  }

 private:
  http_spec spec_;
  std::vector<tcp::endpoint> addresses_;
};

}  // namespace

std::unique_ptr<lab::workload> make_http_workload(std::string_view work) {
  if (!parse_http(work)) throw lab::usage_error(fmt::format("'{}' is no URL: it begins with http://", work));
  return std::make_unique<native_workload>("http", native_spec{.work = std::string(work)});
}

std::unique_ptr<native_work> make_http_work(http_spec spec) { return std::make_unique<http_work>(std::move(spec)); }

}  // namespace workloads
