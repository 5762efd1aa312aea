// SPDX-License-Identifier: Apache-2.0
// How long a worker that has nothing to do looks around before it falls asleep.
#pragma once

#include <chrono>

#include "fanout/detail/pause.hpp"
#include "fanout/duration.hpp"
#include "fanout/executor.hpp"

namespace fanout::detail {

/// What passes the time, and tells it. Tests have another.
struct native_time {
  static time_point now() noexcept { return std::chrono::steady_clock::now(); }
  static void pause() noexcept { pause_briefly(); }
};

inline constexpr auto longest_search = std::chrono::microseconds(50);

/// What `look` finds within about as long as to be woken would take, not to fall asleep just before it comes; null:
/// nothing. Stops when `goes_on` says no. It takes 16 looks, 12 µs where a pause is 24 ns; but a pause may take ten
/// times that, a look goes through all workers, and somebody else may have the CPU: so it is told by the clock that it
/// is no longer than `longest_search`, the last look included if that takes a fifth of it at most.
template <class Time, class Look, class GoesOn>
op* search_for_a_while(Time&& time, const Look& look, const GoesOn& goes_on) {
  constexpr int looks = 16, rests = 3, pauses = 10;
  const time_point last_look = time.now() + longest_search * 4 / 5;
  for (int i = 0; i < looks && goes_on(); ++i) {
    if (op* const found = look()) return found;
    for (int rest = 0; rest < rests; ++rest) {
      for (int p = 0; p < pauses; ++p) time.pause();
      if (time.now() >= last_look) return nullptr;
    }
  }
  return nullptr;
}

}  // namespace fanout::detail
