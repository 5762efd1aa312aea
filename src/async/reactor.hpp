// SPDX-License-Identifier: Apache-2.0
// The seam between an event loop and what it waits for.
#pragma once

#include "fanout/duration.hpp"

namespace fanout::detail {

/// What a loop does besides running ops: it looks for what has happened outside, and sleeps until something does.
class reactor {
 public:
  virtual ~reactor() = default;

  /// Handles what has happened, without waiting: a bounded part of it. Makes no system call if nothing is outstanding.
  virtual void poll() noexcept = 0;
  /// Sleeps until something happens, `descriptor` (-1: none) is readable, `deadline` (null: none) or wake(); one that
  /// came before, since the last wait(), counts. May return early. True: the descriptor is readable.
  virtual bool wait(const time_point* deadline, int descriptor) noexcept = 0;
  /// Ends the wait() of now, or else the next one; poll() may forget it. From any thread.
  virtual void wake() noexcept = 0;
};

}  // namespace fanout::detail
