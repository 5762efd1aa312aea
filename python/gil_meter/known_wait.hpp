// SPDX-License-Identifier: Apache-2.0
// How a wait for the interpreter's lock is told from any other.
#pragma once

#include <atomic>

namespace fanout_gil {

/// A condition variable, and the code that waits for it: calls that are inlined have several places.
struct known_wait {
  static constexpr int most_places = 16;

  std::atomic<const void*> condition{nullptr};
  std::atomic<const void*> places[most_places]{};

  /// Each entry is written once, the first free one by whoever is first.
  bool has(const void* place) const {
    for (const auto& each : places) {
      const void* const found = each.load(std::memory_order_relaxed);
      if (found == place) return true;
      if (found == nullptr) return false;
    }
    return false;
  }
  void add(const void* place) {
    for (auto& each : places) {
      const void* expected = nullptr;
      if (each.compare_exchange_strong(expected, place, std::memory_order_relaxed) || expected == place) return;
    }
  }

  /// Is a wait for `waited` at `place` one of these? Learns the place if it is new.
  bool is(const void* waited, const void* place) {
    if (has(place)) return true;
    if (waited != condition.load(std::memory_order_relaxed)) return false;
    add(place);
    return true;
  }
};

}  // namespace fanout_gil
