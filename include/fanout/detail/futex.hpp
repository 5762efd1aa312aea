// SPDX-License-Identifier: Apache-2.0
// A thread sleeps on a word of memory until another one changes it.
#pragma once

#include <atomic>
#include <cstdint>

#include "fanout/duration.hpp"

namespace fanout::detail {

/// Sleeps while `word` is `value`; may return for no reason.
void futex_wait(const std::atomic<std::uint32_t>& word, std::uint32_t value) noexcept;

/// The same, until `deadline` at the latest. False: the deadline has passed.
bool futex_wait_until(const std::atomic<std::uint32_t>& word, std::uint32_t value, time_point deadline) noexcept;

/// Wakes the sleepers on `word`, which may be gone by now: only its address is used.
void futex_wake_all(const std::atomic<std::uint32_t>& word) noexcept;

}  // namespace fanout::detail
