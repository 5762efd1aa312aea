// SPDX-License-Identifier: Apache-2.0
#include "async/asio_reactor.hpp"

#include <boost/asio/executor_work_guard.hpp>

namespace fanout::detail {

// UNSAFE_IO: sockets are used by the loop's thread only, so nothing about them is locked; the resolver's thread may
// still deliver, and anybody may post.
asio_reactor::asio_reactor() : context_(BOOST_ASIO_CONCURRENCY_HINT_UNSAFE_IO), alarm_(context_) {}

// One by one: a handler that for ever posts another must not keep the loop from its own work.
void asio_reactor::poll() noexcept {
  for (int left = handlers_per_poll; left > 0 && context_.poll_one() != 0; --left) {
  }
  context_.restart();
}

void asio_reactor::wait(const time_point* deadline) noexcept {
  if (deadline != nullptr && *deadline < armed_) {
    // An alarm that is due already would still take 17 µs, by way of the kernel.
    if (*deadline <= std::chrono::steady_clock::now()) return;
    arm(*deadline);
  }
  {
    const auto me = boost::asio::make_work_guard(context_);
    context_.run_one();
  }
  context_.restart();
}

/// An alarm that was set for later is cancelled by this; one for earlier is left to go off, which costs less than
/// setting it anew with every timer that comes and goes.
void asio_reactor::arm(time_point deadline) noexcept {
  const auto work = context_.get_executor();
  armed_ = deadline;
  alarm_.expires_at(deadline);
  alarm_.async_wait([this, work](const boost::system::error_code& cancelled) {
    work.on_work_started();  // Asio is about to count it as finished
    if (!cancelled) armed_ = time_point::max();
  });
  work.on_work_finished();  // the alarm alone is no reason to poll
}

}  // namespace fanout::detail
