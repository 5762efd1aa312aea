// SPDX-License-Identifier: Apache-2.0
// Whether to look for a while before one falls asleep.
#pragma once

namespace fanout::detail {

/// Looking is worth it if it was at one of the last two tries; and now and then one sees whether it would be. Where one
/// waits for long it is not; and who sleeps at once is woken, on an idle machine, by the core it sleeps on, which is
/// ten times faster than by another.
class look_habit {
 public:
  /// Once before each sleep.
  bool is_worth_it() noexcept {
    word_ += one_sleep;
    return word_ % one_sleep != 0 || word_ / one_sleep % period == 0;
  }
  /// After a look.
  void looked(bool was_worth_it) noexcept { word_ = (word_ & ~3U) | (word_ << 1 & 2U) | (was_worth_it ? 1U : 0U); }

 private:
  // Bit 0: the last look was worth it; bit 1: the one before. Above: how many sleeps there have been.
  static constexpr unsigned one_sleep = 4, period = 8;
  unsigned word_ = 0;
};

}  // namespace fanout::detail
