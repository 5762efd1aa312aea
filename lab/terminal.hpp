// SPDX-License-Identifier: Apache-2.0
// What a stream is connected to, and what may be written to it.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace lab {

/// Decided per stream: stdout may be a file while stderr is a terminal.
struct terminal {
  bool interactive = false;  // a terminal that can rewrite a line
  bool colour = false;
  unsigned width = 100;  // columns
  bool unicode = true;   // may be drawn with; words have their signs in any case

  /// interactive: a TTY, and TERM is not "dumb". colour: interactive, and NO_COLOR is unset or empty.
  /// unicode: the locale's encoding is UTF-8, and TERM is not "dumb".
  /// width: COLUMNS if set, else what the TTY says, else 100.
  static terminal of(int descriptor);
};

/// Characters of a UTF-8 text: its columns, as long as none is wider than one.
std::size_t columns(std::string_view text);

/// The text cut to `width` columns, its last one "…" if anything was cut.
std::string shortened(std::string_view text, std::size_t width);

/// The text broken between words into lines of at most `width` columns (longer words stay whole). It begins at column
/// `indent`, where the caller has left off; the other lines are indented to it. No line break at the end.
std::string wrapped(std::string_view text, std::size_t width, std::size_t indent);

/// The looks in use, each ended by plain.
namespace ansi {
inline constexpr std::string_view bold = "\x1b[1m", dim = "\x1b[2m", green = "\x1b[32m", yellow = "\x1b[33m",
                                  red = "\x1b[31m", plain = "\x1b[0m", erase_line = "\r\x1b[K";
}

}  // namespace lab
