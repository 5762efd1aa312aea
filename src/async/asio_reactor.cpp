// SPDX-License-Identifier: Apache-2.0
#include "async/asio_reactor.hpp"

#include <fcntl.h>

#include <boost/asio/bind_allocator.hpp>
#include <utility>

#include "fanout/detail/asio_memory.hpp"

namespace fanout::detail {

namespace {

/// Outside of its run functions Asio recycles no memory: this spares a handler that starts there the heap.
template <class Handler>
auto from_pool(Handler handler) {
  return boost::asio::bind_allocator(operation_allocator<>(), std::move(handler));
}

}  // namespace

// UNSAFE_IO: sockets are used by the loop's thread only, so nothing about them is locked; the resolver's thread may
// still deliver, and anybody may post.
asio_reactor::asio_reactor() : context_(BOOST_ASIO_CONCURRENCY_HINT_UNSAFE_IO), alarm_(context_), watched_(context_) {
  context_.get_executor().on_work_started();
}

// One by one: a handler that for ever posts another must not keep the loop from its own work.
void asio_reactor::poll() noexcept {
  context_.restart();  // posts that come one after another wake it each time
  context_.get_executor().on_work_finished();
  for (int left = handlers_per_poll; left > 0 && context_.poll_one() != 0; --left) {
  }
  context_.get_executor().on_work_started();
  context_.restart();
}

bool asio_reactor::wait(const time_point* deadline, int descriptor) noexcept {
  // An alarm that is due already would still take 17 µs, by way of the kernel; but a backlog of timers must not keep
  // the loop from its I/O.
  const bool due = deadline != nullptr && *deadline <= std::chrono::steady_clock::now();
  if (deadline != nullptr && !due && *deadline < armed_) arm(*deadline);
  watch(descriptor);
  if (!readable_) {
    const auto handled = due ? context_.poll_one() : context_.run_one();
    if (handled == 0) context_.restart();
  }
  return std::exchange(readable_, false);
}

/// An alarm that was set for later is cancelled by this; one for earlier is left to go off, which costs less than
/// setting it anew with every timer that comes and goes.
void asio_reactor::arm(time_point deadline) noexcept {
  const auto work = context_.get_executor();
  armed_ = deadline;
  alarm_.expires_at(deadline);
  alarm_.async_wait(from_pool([this, work](const boost::system::error_code& cancelled) {
    work.on_work_started();  // Asio is about to count it as finished
    if (!cancelled) armed_ = time_point::max();
  }));
  work.on_work_finished();  // the alarm alone is no reason to poll
}

/// The wait for it is not counted as work, like the alarm.
void asio_reactor::watch(int descriptor) noexcept {
  if (descriptor != original_) {
    original_ = descriptor;
    boost::system::error_code ignored;
    watched_.close(ignored);
    if (descriptor >= 0) watched_.assign(::fcntl(descriptor, F_DUPFD_CLOEXEC, 0), ignored);
  }
  if (watching_ || !watched_.is_open()) return;
  const auto work = context_.get_executor();
  watching_ = true;
  watched_.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                      from_pool([this, work](const boost::system::error_code& closed) {
                        work.on_work_started();
                        watching_ = false;
                        readable_ = readable_ || !closed;
                      }));
  work.on_work_finished();
}

}  // namespace fanout::detail
