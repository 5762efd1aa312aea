// SPDX-License-Identifier: Apache-2.0
// poll() before every write(), so that a signal is noticed wherever it comes.
#include "lab/writing.hpp"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>

#include "lab/interruption.hpp"

namespace lab {

namespace {

constexpr std::size_t piece = PIPE_BUF;  // a pipe that is writable takes as much without blocking

}  // namespace

int write_all(int descriptor, std::string_view text) noexcept {
  while (!text.empty()) {
    pollfd events[] = {{descriptor, POLLOUT, 0}, {interruption::descriptor(), POLLIN, 0}};
    if (poll(events, std::size(events), -1) < 0) {
      if (errno == EINTR) continue;  // a signal: the next poll() sees it
      return errno;
    }
    if (events[0].revents == 0) return EINTR;
    const ssize_t written = write(descriptor, text.data(), std::min(text.size(), piece));
    if (written >= 0)
      text.remove_prefix(static_cast<std::size_t>(written));
    else if (errno != EINTR && errno != EAGAIN)
      return errno;
  }
  return 0;
}

void say(std::string_view text) noexcept { write_all(STDERR_FILENO, text); }

}  // namespace lab
