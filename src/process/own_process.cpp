// SPDX-License-Identifier: Apache-2.0
#include "own_process.hpp"

#include <pthread.h>
#include <unistd.h>

#include <atomic>

namespace fanout::detail {

namespace {

std::atomic<pid_t> remembered = 0;  // alone; written once, and again in each fork, before anything else runs there

pid_t look() noexcept {
  static const bool told_of_forks =
      ::pthread_atfork(nullptr, nullptr, [] { remembered.store(::getpid(), std::memory_order_relaxed); }) == 0;
  const pid_t pid = ::getpid();
  if (told_of_forks) remembered.store(pid, std::memory_order_relaxed);
  return pid;
}

}  // namespace

pid_t own_pid() noexcept {
  const pid_t pid = remembered.load(std::memory_order_relaxed);
  return pid != 0 ? pid : look();
}

}  // namespace fanout::detail
