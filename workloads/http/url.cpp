// SPDX-License-Identifier: Apache-2.0
// Boost.URL takes URLs apart.
#include <fmt/format.h>

#include <boost/url/src.hpp>  // Boost.URL without its library
#include <charconv>
#include <utility>

#include "workloads/http/http.hpp"
#include "workloads/substitute.hpp"

namespace workloads {

namespace {

lab::usage_error no_url(std::string_view url, std::string_view problem) {
  return lab::usage_error(fmt::format("{}: {}; write http://HOST:PORT/PATH", url, problem));
}

/// Boost.URL takes any digits.
std::uint16_t port_of(const http_spec& spec, const std::string& digits) {
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  if (error != std::errc{} || end != digits.data() + digits.size() || port == 0)
    throw no_url(spec.url, "a port is a number from 1 to 65535");
  return port;
}

}  // namespace

std::optional<http_spec> parse_http(std::string_view work) {
  if (work.starts_with("https://")) throw no_url(work, "https is not offered, only http");
  if (!work.starts_with("http://")) return std::nullopt;
  http_spec spec{.url = std::string(work)};
  if (target_of(spec, 0).host_and_port != target_of(spec, 1).host_and_port)
    throw no_url(work, "'{i}' may stand in the path and the query, not in the host");
  return spec;
}

http_target target_of(const http_spec& spec, unsigned number) {
  const std::string text = with_number(spec.url, number);
  const auto parsed = boost::urls::parse_uri(text);
  if (!parsed) throw no_url(spec.url, fmt::format("no URL ({})", parsed.error().message()));
  const boost::urls::url_view url = *parsed;
  if (url.host().empty()) throw no_url(spec.url, "which host?");
  if (url.has_userinfo()) throw no_url(spec.url, "a user name is not offered");
  const std::string path(url.encoded_target());
  return {.host = std::string(url.host_address()),
          .port = url.has_port() ? port_of(spec, std::string(url.port())) : std::uint16_t{80},
          .host_and_port = std::string(url.encoded_host_and_port()),
          .path = path.starts_with('/') ? path : "/" + path};
}

}  // namespace workloads
