// SPDX-License-Identifier: Apache-2.0
// For loops that look at memory until another core changes it.
#pragma once

namespace fanout::detail {

/// Some ten nanoseconds in which the other hardware thread of this core has it for itself.
inline void pause_briefly() noexcept {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

}  // namespace fanout::detail
