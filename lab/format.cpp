// SPDX-License-Identifier: Apache-2.0
// Numbers and lists as people read them.
#include "lab/format.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace lab {

namespace {

/// A small number is not shown as nothing.
int decimals_for_two_figures(double number) {
  return number > 0 ? 1 - static_cast<int>(std::floor(std::log10(number))) : 0;
}

}  // namespace

std::string format_seconds(double seconds) { return format_seconds(std::vector{seconds}).front(); }

std::vector<std::string> format_seconds(const std::vector<double>& seconds) {
  const double largest = seconds.empty() ? 0 : std::ranges::max(seconds);
  const auto [scale, unit] = largest >= 0.9995      ? std::pair{1.0, "s"}
                             : largest >= 0.9995e-3 ? std::pair{1e3, "ms"}
                                                    : std::pair{1e6, "µs"};
  const double shown = largest * scale;
  const int decimals = shown >= 100 ? 1 : shown >= 10 ? 2 : 3;
  std::vector<std::string> texts;
  for (const double s : seconds)
    texts.push_back(
        fmt::format("{:.{}f} {}", s * scale, std::max(decimals, decimals_for_two_figures(s * scale)), unit));
  return texts;
}

std::string format_bytes(double bytes) {
  const double megabytes = bytes / 1e6;
  return fmt::format("{:.{}f} MB", megabytes, megabytes < 99.95 ? 1 : 0);
}

std::string format_factor(double factor) {
  return fmt::format("{:.{}f}", factor,
                     factor < 0.0995  ? std::max(3, decimals_for_two_figures(factor))
                     : factor < 9.995 ? 2
                     : factor < 99.95 ? 1
                                      : 0);
}

std::string format_clock(double seconds) {
  const auto whole = static_cast<long>(std::ceil(std::max(seconds, 0.0)));
  if (whole < 3600) return fmt::format("{}:{:02}", whole / 60, whole % 60);
  return fmt::format("{}:{:02}:{:02}", whole / 3600, whole / 60 % 60, whole % 60);
}

std::string counted(std::size_t count, std::string_view what) {
  return fmt::format("{} {}{}", count, what, count == 1 ? "" : "s");
}

std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }

std::string format_list(const std::vector<std::string>& words) {
  std::string text;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (i > 0) text += i + 1 == words.size() ? " and " : ", ";
    text += words[i];
  }
  return text;
}

}  // namespace lab
