// SPDX-License-Identifier: Apache-2.0
// What cannot be reported by an exception, because it is found in a destructor or in somebody else's thread.
#pragma once

namespace fanout::detail {

/// Says on stderr what was done wrong and what to do instead, and ends the program: going on would hang it, or worse.
[[noreturn]] void terminate_for(const char* misuse) noexcept;

}  // namespace fanout::detail
