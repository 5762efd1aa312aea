// SPDX-License-Identifier: Apache-2.0
// The handler does the least a handler can: remember the signal, make a descriptor readable.
#include "lab/interruption.hpp"

#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <system_error>

namespace lab {

namespace {

constexpr int handled[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};

// Partners: the handler writes, check() reads, on the same thread; atomics only because a handler may run at any
// instruction.
std::atomic<int> received{0};
std::atomic<int> wakeup{-1};

void remember(int signal) {
  const int saved = errno;
  int none = 0;
  received.compare_exchange_strong(none, signal);
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written = write(wakeup.load(), &one, sizeof one);
  errno = saved;
}

}  // namespace

interruption::interruption() {
  const int descriptor = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (descriptor < 0) throw std::system_error(errno, std::generic_category(), "cannot make an eventfd");
  wakeup = descriptor;
  received = 0;
  for (std::size_t i = 0; i < std::size(handled); ++i) {
    sigaction(handled[i], nullptr, &before_[i]);
    if (handled[i] == SIGHUP && before_[i].sa_handler == SIG_IGN) continue;
    struct sigaction action{};
    action.sa_handler = remember;
    sigemptyset(&action.sa_mask);
    sigaction(handled[i], &action, nullptr);  // no SA_RESTART: whatever waits must wake up
  }
}

interruption::~interruption() {
  for (std::size_t i = 0; i < std::size(handled); ++i) sigaction(handled[i], &before_[i], nullptr);
  close(wakeup.exchange(-1));
  received = 0;
}

int interruption::descriptor() { return wakeup.load(); }

void interruption::check() {
  if (const int signal = received.load(); signal != 0) throw interrupted{signal};
}

}  // namespace lab
