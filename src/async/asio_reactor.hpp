// SPDX-License-Identifier: Apache-2.0
// Boost.Asio's io_context as a reactor, and nothing more: the queue of ops and the timers are the loop's own.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include "async/reactor.hpp"
#include "fanout/detail/asio_memory.hpp"

namespace fanout::detail {

/// Only wait() counts itself as outstanding work of the context: so poll(), without work of anybody else, is a look at
/// a counter and no system call. A context without work marks itself stopped; every function here restarts it before
/// it returns, so that it is stopped in between only because of wake().
class asio_reactor final : public reactor {
 public:
  /// Throws boost::system::system_error if there are no descriptors left.
  asio_reactor();

  void poll() noexcept override;
  void wait(const time_point* deadline) noexcept override;
  void wake() noexcept override { context_.stop(); }

  boost::asio::io_context& context() noexcept { return context_; }

 private:
  struct alarm_handler;
  void arm(time_point deadline) noexcept;

  static constexpr int handlers_per_poll = 256;

  operation_memory alarm_memory_;  // outlives the context, and what is left in it
  boost::asio::io_context context_;
  boost::asio::steady_timer alarm_;
  time_point armed_ = time_point::max();  // when the alarm goes off; max: not at all
};

}  // namespace fanout::detail
