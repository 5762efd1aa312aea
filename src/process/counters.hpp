// SPDX-License-Identifier: Apache-2.0
// Descriptors that become readable: bells that are rung, timers that go off.
#pragma once

#include <sys/timerfd.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>

#include "descriptor.hpp"
#include "fanout/duration.hpp"

namespace fanout::detail {

inline void ring(const descriptor& bell) noexcept {
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto size = ::write(bell.get(), &one, sizeof one);
}

/// Back to 0: a bell, or a timer that went off. It must not block.
inline void clear(const descriptor& counter) noexcept {
  std::uint64_t count;
  [[maybe_unused]] const auto size = ::read(counter.get(), &count, sizeof count);
}

inline descriptor make_timer() {
  return descriptor(checked(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK), "timerfd_create"));
}

/// Goes off after `time`; 0: never.
inline void set_timer(const descriptor& timer, duration time) noexcept {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(time);
  const itimerspec once{.it_interval = {},
                        .it_value = {.tv_sec = seconds.count(), .tv_nsec = (time - seconds).count()}};
  ::timerfd_settime(timer.get(), 0, &once, nullptr);
}

}  // namespace fanout::detail
