// SPDX-License-Identifier: Apache-2.0
// Names of Python's.
#pragma once

#include <algorithm>
#include <cctype>
#include <string_view>

namespace cli {

/// As Python has them; what is not ASCII is taken for letters.
inline bool is_identifier(std::string_view word) {
  const auto is_letter = [](unsigned char c) { return c == '_' || c > 127 || std::isalpha(c); };
  return !word.empty() && is_letter(static_cast<unsigned char>(word.front())) &&
         std::ranges::all_of(word, [&](unsigned char c) { return is_letter(c) || std::isdigit(c); });
}

}  // namespace cli
