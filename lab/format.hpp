// SPDX-License-Identifier: Apache-2.0
// Numbers and lists as people read them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace lab {

/// Seconds with the unit that fits: "5.003 s", "50.3 ms", "12.1 µs".
std::string format_seconds(double seconds);

/// A column of times in one unit, with equally many decimals, so that they compare at a glance; with more where less
/// than two figures would be left.
std::vector<std::string> format_seconds(const std::vector<double>& seconds);

/// "3.4 MB" (10^6 bytes).
std::string format_bytes(double bytes);

/// A factor with two or three figures: "0.00031", "0.031", "1.98", "12.3", "187".
std::string format_factor(double factor);

/// "1:05" (minutes, seconds) or "2:00:00".
std::string format_clock(double seconds);

/// "1 round", "5 rounds".
std::string counted(std::size_t count, std::string_view what);

/// A text up to its first line break.
std::string first_line(const std::string& text);

/// "a", "a and b", "a, b and c".
std::string format_list(const std::vector<std::string>& words);

}  // namespace lab
