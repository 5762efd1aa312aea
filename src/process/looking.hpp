// SPDX-License-Identifier: Apache-2.0
// How long one looks for what another process may do any moment, before one falls asleep.
#pragma once

#include <chrono>

#include "fanout/detail/pause.hpp"

namespace fanout::detail {

/// For about as long as it takes to be woken from another CPU. False: it did not come.
template <class Condition>
bool look_for_a_while(const Condition& there) noexcept {
  constexpr auto longest = std::chrono::microseconds(50);
  constexpr int looks = 20;  // between two looks at the clock
  const auto last_look = std::chrono::steady_clock::now() + longest;
  do {
    for (int i = 0; i < looks; ++i) {
      if (there()) return true;
      pause_briefly();
    }
  } while (std::chrono::steady_clock::now() < last_look);
  return there();
}

}  // namespace fanout::detail
