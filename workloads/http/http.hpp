// SPDX-License-Identifier: Apache-2.0
// Requests to a server as workloads.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "lab/workload.hpp"
#include "workloads/native_work.hpp"

namespace workloads {

/// A URL in which '{i}' may stand for the number of the task, in its path or query.
struct http_spec {
  std::string url;
};

/// What a request needs of a URL.
struct http_target {
  std::string host;  // without the brackets of an IPv6 address
  std::uint16_t port = 80;
  std::string host_and_port;  // as the header field has it
  std::string path;           // with the query
};

/// nullopt if it does not begin with "http://" or "https://"; throws lab::usage_error if it is no URL, or one of https.
std::optional<http_spec> parse_http(std::string_view work);

/// Of the request of one task. Throws lab::usage_error.
http_target target_of(const http_spec& spec, unsigned number);

/// Throws lab::usage_error as parse_http() does.
std::unique_ptr<lab::workload> make_http_workload(std::string_view work);

/// Looks up the host's addresses, once. Throws std::runtime_error if that fails.
std::unique_ptr<native_work> make_http_work(http_spec spec);

}  // namespace workloads
