// SPDX-License-Identifier: Apache-2.0
#include "fanout/detail/futex.hpp"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <climits>

namespace fanout::detail {
namespace {

long futex(const std::atomic<std::uint32_t>& word, int operation, std::uint32_t value,
           const timespec* deadline) noexcept {
  static_assert(sizeof(word) == sizeof(std::uint32_t) && std::atomic<std::uint32_t>::is_always_lock_free);
  return syscall(SYS_futex, &word, operation | FUTEX_PRIVATE_FLAG, value, deadline, nullptr, FUTEX_BITSET_MATCH_ANY);
}

}  // namespace

void futex_wait(const std::atomic<std::uint32_t>& word, std::uint32_t value) noexcept {
  futex(word, FUTEX_WAIT_BITSET, value, nullptr);
}

bool futex_wait_until(const std::atomic<std::uint32_t>& word, std::uint32_t value, time_point deadline) noexcept {
  const auto since_boot = deadline.time_since_epoch();
  const auto seconds = std::chrono::floor<std::chrono::seconds>(since_boot);
  // FUTEX_WAIT_BITSET takes an absolute time on CLOCK_MONOTONIC, which is what steady_clock reads.
  const timespec until{.tv_sec = seconds.count(), .tv_nsec = (since_boot - seconds).count()};
  if (futex(word, FUTEX_WAIT_BITSET, value, &until) == 0) return true;
  return errno != ETIMEDOUT && !(errno == EINVAL && since_boot < duration::zero());
}

void futex_wake_all(const std::atomic<std::uint32_t>& word) noexcept {
  futex(word, FUTEX_WAKE, static_cast<std::uint32_t>(INT_MAX), nullptr);
}

}  // namespace fanout::detail
