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
#include <type_traits>

namespace fanout::detail {

/// A futex is 32 bits, whatever they mean.
template <class T>
concept futex_value = sizeof(T) == sizeof(std::uint32_t) && std::atomic<T>::is_always_lock_free;

/// Sleeps while `word` is `value`; may return for no reason. False: for so long, if there is a limit.
template <futex_value T>
inline bool shared_futex_wait(const std::atomic<T>& word, std::type_identity_t<T> value,
                              const timespec* limit = nullptr) noexcept {
  return ::syscall(SYS_futex, &word, FUTEX_WAIT, value, limit, nullptr, 0) == 0 || errno != ETIMEDOUT;
}

template <futex_value T>
inline void shared_futex_wake(const std::atomic<T>& word) noexcept {
  ::syscall(SYS_futex, &word, FUTEX_WAKE, 1, nullptr, nullptr, 0);
}

}  // namespace fanout::detail
