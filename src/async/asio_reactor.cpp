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
  const bool sets_alarm = deadline != nullptr && *deadline < armed_;
  // An alarm that is due already would still take 17 µs, by way of the kernel.
  if (sets_alarm && *deadline <= std::chrono::steady_clock::now()) return;
  {
    const auto me = boost::asio::make_work_guard(context_);  // first: without work, arm() would stop the context
    if (sets_alarm) arm(*deadline);
    context_.run_one();
  }
  context_.restart();
}

/// What is called when the alarm goes off, or is set anew.
struct asio_reactor::alarm_handler {
  using allocator_type = operation_allocator<>;
  allocator_type get_allocator() const noexcept { return allocator_type(reactor.alarm_memory_); }

  void operator()(const boost::system::error_code& cancelled) const {
    work.on_work_started();  // Asio is about to count it as finished
    if (!cancelled) reactor.armed_ = time_point::max();
  }

  asio_reactor& reactor;
  boost::asio::io_context::executor_type work;
};

/// An alarm that was set for later is cancelled by this; one for earlier is left to go off, which costs less than
/// setting it anew with every timer that comes and goes.
void asio_reactor::arm(time_point deadline) noexcept {
  const auto work = context_.get_executor();
  armed_ = deadline;
  alarm_.expires_at(deadline);
  alarm_.async_wait(alarm_handler{*this, work});
  work.on_work_finished();  // the alarm alone is no reason to poll
}

}  // namespace fanout::detail
