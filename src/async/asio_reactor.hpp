// SPDX-License-Identifier: Apache-2.0
// Boost.Asio's io_context as a reactor, and nothing more: the queue of ops and the timers are the loop's own.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>

#include "async/reactor.hpp"

namespace fanout::detail {

/// The reactor counts as one outstanding operation of the context, so that wait() sleeps; but not in poll(), which is a
/// look at a counter then, and no system call, unless others have some. A context without work marks itself stopped:
/// poll() restarts it before it returns, so that it is stopped in between only because of wake().
class asio_reactor final : public reactor {
 public:
  /// Throws boost::system::system_error if there are no descriptors left.
  asio_reactor();

  void poll() noexcept override;
  bool wait(const time_point* deadline, int descriptor) noexcept override;
  void wake() noexcept override { context_.stop(); }

  boost::asio::io_context& context() noexcept { return context_; }

 private:
  void arm(time_point deadline) noexcept;
  void watch(int descriptor) noexcept;

  static constexpr int handlers_per_poll = 256;

  boost::asio::io_context context_;
  boost::asio::steady_timer alarm_;
  time_point armed_ = time_point::max();           // when the alarm goes off; max: not at all
  boost::asio::posix::stream_descriptor watched_;  // a duplicate: the original may be closed first
  int original_ = -1;
  bool watching_ = false;  // a wait for it is under way
  bool readable_ = false;
};

}  // namespace fanout::detail
