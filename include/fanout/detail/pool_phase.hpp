// SPDX-License-Identifier: Apache-2.0
// Whether a pool still takes work, and whether its tasks may still begin.
#pragma once

#include <atomic>
#include <cstdint>

#include "fanout/shutdown.hpp"
#include "fanout/stop.hpp"

namespace fanout::detail {

///     open ──▶ draining ──▶ cancelling          (draining may be left out; never back)
class pool_phase {
 public:
  /// From now on the pool takes work only from its own tasks, or cancels what has not begun, or asks all to stop.
  void close(shutdown_mode mode) noexcept {
    raise_to(mode == shutdown_mode::drain ? draining : cancelling);
    if (mode == shutdown_mode::kill) stop_.request_stop();
  }

  // Relaxed is enough to refuse and to cancel; nothing else hangs on it.
  bool is_open() const noexcept { return phase_.load(std::memory_order_relaxed) == open; }
  /// What has not begun shall not.
  bool cancels() const noexcept { return phase_.load(std::memory_order_relaxed) == cancelling; }

  /// Asked to stop by shutdown_mode::kill.
  stop_token get_token() const noexcept { return stop_.get_token(); }

 private:
  enum : std::uint8_t { open, draining, cancelling };

  void raise_to(std::uint8_t phase) noexcept {
    std::uint8_t now = phase_.load(std::memory_order_relaxed);
    while (now < phase && !phase_.compare_exchange_weak(now, phase, std::memory_order_relaxed)) {
    }
  }

  std::atomic<std::uint8_t> phase_ = open;
  stop_source stop_;
};

}  // namespace fanout::detail
