// SPDX-License-Identifier: Apache-2.0
#include "async/bare_reactor.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <system_error>

#include "fanout/detail/futex.hpp"

namespace fanout::detail {

bare_reactor::bare_reactor() : eventfd_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (eventfd_ < 0) throw std::system_error(errno, std::generic_category(), "event_loop: eventfd");
}

bare_reactor::~bare_reactor() { ::close(eventfd_); }

bool bare_reactor::wait(const time_point* deadline, int descriptor) noexcept {
  // At most how long; a deadline that has passed is asked for first, for the difference of a very early one does not
  // fit.
  std::optional<duration> left;
  if (deadline != nullptr) {
    const time_point now = std::chrono::steady_clock::now();
    left = *deadline > now ? *deadline - now : duration::zero();
  }
  bool readable = false;
  if (descriptor >= 0) {
    in_ppoll_.store(true, std::memory_order_seq_cst);
    if (woken_.load(std::memory_order_seq_cst) != 0) left = duration::zero();
    readable = wait_in_ppoll(left, descriptor);
    in_ppoll_.store(false, std::memory_order_relaxed);
  } else if (!left) {
    futex_wait(woken_, 0);
  } else if (*left > duration::zero()) {
    futex_wait_until(woken_, 0, *deadline);
  }
  woken_.store(0,
               std::memory_order_relaxed);  // who set it has pushed before, and the loop looks before it sleeps again
  return readable;
}

bool bare_reactor::wait_in_ppoll(std::optional<duration> at_most, int descriptor) const noexcept {
  timespec left{};
  if (at_most) {
    const auto seconds = std::chrono::floor<std::chrono::seconds>(*at_most);
    left = {.tv_sec = seconds.count(), .tv_nsec = (*at_most - seconds).count()};
  }
  pollfd awaited[] = {{.fd = eventfd_, .events = POLLIN, .revents = 0},
                      {.fd = descriptor, .events = POLLIN, .revents = 0}};
  if (::ppoll(awaited, 2, at_most ? &left : nullptr, nullptr) <= 0) return false;
  if (awaited[0].revents != 0) {
    std::uint64_t count;
    [[maybe_unused]] const auto size = ::read(eventfd_, &count, sizeof count);  // back to 0, for the next sleep
  }
  return awaited[1].revents != 0;
}

void bare_reactor::wake() noexcept {
  woken_.store(1, std::memory_order_seq_cst);
  if (!in_ppoll_.load(std::memory_order_seq_cst)) return futex_wake_all(woken_);
  const std::uint64_t one = 1;
  while (::write(eventfd_, &one, sizeof one) < 0 && errno == EINTR) {
  }
}

}  // namespace fanout::detail
