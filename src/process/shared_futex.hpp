// SPDX-License-Identifier: Apache-2.0
// futex_wait and futex_wake for words that several processes share, each at an address of its own.
#pragma once

#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdint>

namespace fanout::detail {

/// Sleeps while `word` is `value`; may return for no reason. False: for so long, if there is a limit.
inline bool shared_futex_wait(const std::atomic<std::uint32_t>& word, std::uint32_t value,
                              const timespec* limit = nullptr) noexcept {
  return ::syscall(SYS_futex, &word, FUTEX_WAIT, value, limit, nullptr, 0) == 0 || errno != ETIMEDOUT;
}

inline void shared_futex_wake(const std::atomic<std::uint32_t>& word) noexcept {
  ::syscall(SYS_futex, &word, FUTEX_WAKE, 1, nullptr, nullptr, 0);
}

}  // namespace fanout::detail
