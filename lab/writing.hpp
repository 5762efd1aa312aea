// SPDX-License-Identifier: Apache-2.0
// Writing to whoever reads our output: a reader may be slow, gone, or not reading at all.
#pragma once

#include <string_view>

namespace lab {

/// Writes all of it, however long its reader takes, but not past an interruption (interruption.hpp): what would have to
/// wait then is dropped. Returns 0, or what went wrong as an errno: EINTR if something was dropped. SIGPIPE must be
/// ignored.
int write_all(int descriptor, std::string_view text) noexcept;

/// The one way to stderr. What cannot be written is lost and changes nothing else.
void say(std::string_view text) noexcept;

}  // namespace lab
