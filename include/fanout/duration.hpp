// SPDX-License-Identifier: Apache-2.0
// The clock and the unit of every time in fanout.
#pragma once

#include <chrono>

namespace fanout {

/// Spans of time; chrono literals convert: 100ms, 2s.
using duration = std::chrono::nanoseconds;

/// Points in time, on CLOCK_MONOTONIC: a step of the system's clock moves no deadline.
using time_point = std::chrono::time_point<std::chrono::steady_clock, duration>;

namespace detail {

/// In nanoseconds; the longest or the shortest there is, if it does not fit.
template <class Rep, class Period>
duration saturated(std::chrono::duration<Rep, Period> time) {
  const std::chrono::duration<double, std::nano> nanoseconds = time;
  if (nanoseconds >= std::chrono::duration<double, std::nano>(duration::max())) return duration::max();
  if (nanoseconds <= std::chrono::duration<double, std::nano>(duration::min())) return duration::min();
  return std::chrono::duration_cast<duration>(time);
}

/// `now + time`, at most the last point that the clock can show.
inline time_point after(duration time) noexcept {
  const time_point now = std::chrono::steady_clock::now();
  return time > time_point::max() - now ? time_point::max() : now + time;
}

}  // namespace detail

}  // namespace fanout
