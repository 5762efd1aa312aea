// SPDX-License-Identifier: Apache-2.0
#include "async/eventfd_reactor.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <system_error>

namespace fanout::detail {

eventfd_reactor::eventfd_reactor() : descriptor_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (descriptor_ < 0) throw std::system_error(errno, std::generic_category(), "event_loop: eventfd");
}

eventfd_reactor::~eventfd_reactor() { ::close(descriptor_); }

bool eventfd_reactor::wait(const time_point* deadline, int descriptor) noexcept {
  timespec left{};
  if (deadline != nullptr) {
    const time_point now = std::chrono::steady_clock::now();
    if (*deadline > now) {  // else not at all, and the difference of a very early one does not fit
      const duration wait = *deadline - now;
      const auto seconds = std::chrono::floor<std::chrono::seconds>(wait);
      left = {.tv_sec = seconds.count(), .tv_nsec = (wait - seconds).count()};
    } else if (descriptor < 0) {
      return false;
    }
  }
  pollfd awaited[] = {{.fd = descriptor_, .events = POLLIN, .revents = 0},
                      {.fd = descriptor, .events = POLLIN, .revents = 0}};  // ppoll leaves out what is -1
  if (::ppoll(awaited, 2, deadline == nullptr ? nullptr : &left, nullptr) <= 0) return false;
  if (awaited[0].revents != 0) {
    std::uint64_t count;
    [[maybe_unused]] const auto size = ::read(descriptor_, &count, sizeof count);  // back to 0, for the next sleep
  }
  return awaited[1].revents != 0;
}

void eventfd_reactor::wake() noexcept {
  const std::uint64_t one = 1;
  while (::write(descriptor_, &one, sizeof one) < 0 && errno == EINTR) {
  }
}

}  // namespace fanout::detail
