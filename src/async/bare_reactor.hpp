// SPDX-License-Identifier: Apache-2.0
// For loops without I/O: little can happen to them but being woken.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>

#include "async/reactor.hpp"

namespace fanout::detail {

/// Sleeps on a futex, the quickest there is to wake up from; with a descriptor to look at, in ppoll, which an eventfd
/// ends.
class bare_reactor final : public reactor {
 public:
  /// Throws std::system_error.
  bare_reactor();
  ~bare_reactor() override;
  bare_reactor(const bare_reactor&) = delete;
  bare_reactor& operator=(const bare_reactor&) = delete;

  void poll() noexcept override {}
  bool wait(const time_point* deadline, int descriptor) noexcept override;
  void wake() noexcept override;

 private:
  bool wait_in_ppoll(std::optional<duration> at_most, int descriptor) const noexcept;

  // The loop sets `in_ppoll_`, then looks at `woken_`; wake() sets `woken_`, then looks at `in_ppoll_` (all seq_cst):
  // so the loop does not go to sleep, or is woken where it sleeps. The futex looks at the word itself.
  std::atomic<std::uint32_t> woken_ = 0;
  std::atomic<bool> in_ppoll_ = false;
  const int eventfd_;
};

}  // namespace fanout::detail
