// SPDX-License-Identifier: Apache-2.0
// Fetches URLs, some at a time, and prints one line for each in the order in which they are done.
//
//     http_fetch [-n AT_ONCE] [-t SECONDS] [URL…]        the URLs: one on each line of stdin, if none is given
#include <unistd.h>
#include <fanout/asio.hpp>
#include <fanout/fanout.hpp>

#include <boost/asio.hpp>
#include <boost/beast.hpp>
#include <boost/url/src.hpp>  // Boost.URL without its library
#include <chrono>
#include <cstdlib>
#include <iostream>
#include <sstream>
#include <string>
#include <vector>

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
namespace urls = boost::urls;
using seconds = std::chrono::duration<double>;

fanout::task<bool> get(std::string text) {
  urls::url url(text);
  if (url.scheme() != "http") throw std::runtime_error("not an http:// URL");
  auto& context = co_await fanout::this_task::get_io_context();
  asio::ip::tcp::resolver resolver(context);
  const auto port = url.has_port() ? std::string(url.port()) : "80";
  const auto addresses = co_await resolver.async_resolve(url.host_address(), port, fanout::use_task);
  beast::tcp_stream stream(context);
  co_await stream.async_connect(addresses, fanout::use_task);

  if (url.encoded_path().empty()) url.set_path("/");
  http::request<http::empty_body> request(http::verb::get, std::string(url.encoded_target()), 11);
  request.set(http::field::host, std::string(url.encoded_host_and_port()));
  request.keep_alive(false);
  co_await http::async_write(stream, request, fanout::use_task);

  http::response_parser<http::string_body> parser;
  parser.body_limit(boost::none);
  const auto& response = parser.get();
  std::size_t bytes = 0;
  for (beast::flat_buffer buffer; !parser.is_done(); bytes += std::exchange(parser.get().body(), {}).size()) {
    co_await http::async_read_some(stream, buffer, parser, fanout::use_task);
  }
  std::cout << text << ": " << response.result_int() << ' ' << response.reason() << ", " << bytes << " bytes"
            << std::endl;
  co_return response.result_int() < 400;
}

fanout::task<bool> fetch(std::string url, fanout::semaphore& slots, seconds limit) {
  const auto slot = co_await slots.acquire();
  std::string failure;
  try {
    co_return co_await fanout::timeout(limit, get(url));
  } catch (const fanout::timed_out&) {
    failure = (std::ostringstream() << "timed out after " << limit.count() << " s").str();
  } catch (const boost::system::system_error& error) {
    failure = error.code().message();
  } catch (const std::exception& error) {
    failure = error.what();
  }
  std::cout << url << ": " << failure << std::endl;
  co_return false;
}

fanout::task<bool> fetch_all(std::vector<std::string> list, std::size_t at_once, seconds limit) {
  fanout::semaphore slots(at_once);
  std::vector<fanout::task<bool>> fetches;
  for (auto& url : list) fetches.push_back(fetch(std::move(url), slots, limit));
  const auto ok = co_await fanout::gather(std::move(fetches));
  co_return std::ranges::find(ok, false) == ok.end();
}

int main(int argc, char** argv) {
  std::size_t at_once = 8;
  seconds limit(10);
  for (int option; (option = getopt(argc, argv, "n:t:")) != -1;) {
    if (option == 'n') at_once = std::strtoul(optarg, nullptr, 10);
    if (option == 't') limit = seconds(std::strtod(optarg, nullptr));
    if (option == '?') return 2;
  }
  std::vector<std::string> list(argv + optind, argv + argc);
  for (std::string url; optind == argc && std::getline(std::cin, url);) list.push_back(url);
  return fanout::run(fetch_all(std::move(list), at_once, limit)) ? 0 : 1;
}
