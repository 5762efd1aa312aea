// SPDX-License-Identifier: Apache-2.0
// '{i}', which stands for the number of the task.
#pragma once

#include <string>
#include <string_view>

namespace workloads {

inline constexpr std::string_view place_of_number = "{i}";

inline bool depends_on_number(std::string_view text) { return text.contains(place_of_number); }

/// The text with the number in each place of it.
inline std::string with_number(std::string_view text, unsigned number) {
  std::string result;
  for (std::size_t at = text.find(place_of_number); at != std::string_view::npos; at = text.find(place_of_number)) {
    result += text.substr(0, at);
    result += std::to_string(number);
    text.remove_prefix(at + place_of_number.size());
  }
  return result += text;
}

}  // namespace workloads
