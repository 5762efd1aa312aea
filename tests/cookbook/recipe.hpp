// SPDX-License-Identifier: Apache-2.0
// What every recipe of docs/cookbook.md begins with. Each block between markers stands in that page, word for word.
#pragma once

// [recipe: What each recipe begins with]
#include <boost/asio.hpp>
#include <fanout/asio.hpp>
#include <fanout/fanout.hpp>

using namespace std::chrono_literals;
namespace asio = boost::asio;
using asio::ip::tcp;
// [end]

/// On loopback, at a port of the system's choice.
inline const tcp::endpoint any_port(asio::ip::address_v4::loopback(), 0);
