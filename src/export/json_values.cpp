// SPDX-License-Identifier: Apache-2.0
// Numbers and texts, to and from JSON. Reading JSON itself is left to the tool.
#include "fanout/detail/json_values.hpp"

#include <array>
#include <charconv>
#include <cmath>

#include "fanout/errors.hpp"

namespace fanout::detail {

namespace {

std::string shown(const plugin_value& given) {
  switch (given.kind) {
    case plugin_value::null:
      return "null";
    case plugin_value::list:
      return "a list of " + std::to_string(given.count);
    case plugin_value::object:
      return "an object";
    default:
      return "'" + std::string(given.characters, given.size) + "'";
  }
}

/// Of digits alone. False if they are none, or more than fits.
bool read_digits(std::string_view digits, wide_unsigned& number) {
  constexpr wide_unsigned most = greatest<wide_unsigned>();
  number = 0;
  for (const char c : digits) {
    if (c < '0' || c > '9') return false;
    const auto digit = static_cast<unsigned>(c - '0');
    if (number > (most - digit) / 10) return false;
    number = number * 10 + digit;
  }
  return !digits.empty();
}

[[noreturn]] void throw_beyond(const plugin_value& given, const std::string& least, const std::string& most) {
  throw_not_a(given, "whole number from " + least + " to " + most);
}

}  // namespace

void throw_not_a(const plugin_value& given, const std::string& wanted) {
  throw error(shown(given) + " is no " + wanted);
}

wide_int whole_number(const plugin_value& given, wide_int least, wide_int most) {
  std::string_view digits(given.characters, given.size);
  const bool negative = digits.starts_with('-');
  if (negative) digits.remove_prefix(1);
  wide_unsigned number = 0;
  const wide_unsigned limit = negative ? ~static_cast<wide_unsigned>(least) + 1 : static_cast<wide_unsigned>(most);
  if (given.kind != plugin_value::number || !read_digits(digits, number) || number > limit)
    throw_beyond(given, decimal(least), decimal(most));
  return static_cast<wide_int>(negative ? ~number + 1 : number);
}

wide_unsigned natural_number(const plugin_value& given, wide_unsigned most) {
  wide_unsigned number = 0;
  if (given.kind != plugin_value::number || !read_digits({given.characters, given.size}, number) || number > most)
    throw_beyond(given, "0", decimal(most));
  return number;
}

double real_number(const plugin_value& given) {
  double number = 0;
  if (given.kind == plugin_value::number &&
      std::from_chars(given.characters, given.characters + given.size, number).ec == std::errc{})
    return number;
  throw_not_a(given, "number");
}

std::string decimal(wide_unsigned number) {
  std::string digits;
  do {
    digits.insert(digits.begin(), static_cast<char>('0' + static_cast<int>(number % 10)));
    number /= 10;
  } while (number != 0);
  return digits;
}

std::string decimal(wide_int number) {
  return number < 0 ? "-" + decimal(~static_cast<wide_unsigned>(number) + 1)
                    : decimal(static_cast<wide_unsigned>(number));
}

std::string json_number(double number) {
  if (std::isnan(number)) return "\"nan\"";
  if (std::isinf(number)) return number > 0 ? "\"inf\"" : "\"-inf\"";
  std::array<char, 32> text;
  const auto end = std::to_chars(text.data(), text.data() + text.size(), number).ptr;
  std::string shortest(text.data(), end);
  if (shortest.find_first_of(".e") == std::string::npos) shortest += ".0";  // still no whole number
  return shortest;
}

std::string json_text(std::string_view text) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      quoted += '\\';
      quoted += c;
    } else if (const auto code = static_cast<unsigned char>(c); code < 0x20) {
      quoted += "\\u00";
      quoted += digits[code / 16];
      quoted += digits[code % 16];
    } else {
      quoted += c;
    }
  }
  return quoted + '"';
}

}  // namespace fanout::detail
