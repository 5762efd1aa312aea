// SPDX-License-Identifier: Apache-2.0
// Arguments as values of C++, and results as JSON. Part of export.hpp.
#pragma once

#include <concepts>
#include <cstddef>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include <boost/pfr/core.hpp>

#include "fanout/detail/plugin.hpp"

namespace fanout::detail {

__extension__ using wide_int = __int128;
__extension__ using wide_unsigned = unsigned __int128;

/// Throws fanout::error: "'1.5' is no whole number from 0 to 255".
[[noreturn]] void throw_not_a(const plugin_value& given, const std::string& wanted);

/// A whole number within the limits; throws fanout::error that names them.
wide_int whole_number(const plugin_value& given, wide_int least, wide_int most);
/// The same of what may be above the most of wide_int.
wide_unsigned natural_number(const plugin_value& given, wide_unsigned most);
double real_number(const plugin_value& given);

std::string decimal(wide_int number);
std::string decimal(wide_unsigned number);
/// The shortest that reads back as the same number; a text, "nan" say, of what is no number in JSON.
std::string json_number(double number);
std::string json_text(std::string_view text);

/// Strict C++ does not count the 128-bit integers among them.
template <class T>
concept whole =
    (std::integral<T> && !std::same_as<T, bool>) || std::same_as<T, wide_int> || std::same_as<T, wide_unsigned>;

template <class T>
inline constexpr bool is_vector = false;
template <class T, class A>
inline constexpr bool is_vector<std::vector<T, A>> = true;
template <class T>
inline constexpr bool is_map = false;
template <class T, class C, class A>
inline constexpr bool is_map<std::map<std::string, T, C, A>> = true;
template <class T>
inline constexpr bool is_optional = false;
template <class T>
inline constexpr bool is_optional<std::optional<T>> = true;

template <class T>
concept plain_struct = std::is_aggregate_v<T> && std::is_class_v<T>;

template <class T>
inline constexpr bool no_json_for = false;

/// std::numeric_limits has nothing on 128 bits in strict C++.
template <class T>
constexpr T greatest() {
  if constexpr (std::same_as<T, wide_int>)
    return static_cast<wide_int>(~wide_unsigned{0} >> 1);
  else if constexpr (std::same_as<T, wide_unsigned>)
    return ~wide_unsigned{0};
  else
    return std::numeric_limits<T>::max();
}
template <class T>
constexpr bool is_signed_whole = std::same_as<T, wide_int> || std::signed_integral<T>;

/// What an argument of this type is, in words.
template <class T>
std::string kind_in_words() {
  if constexpr (std::same_as<T, bool>)
    return "true or false";
  else if constexpr (whole<T>)
    return "whole number";
  else if constexpr (std::floating_point<T>)
    return "number";
  else if constexpr (std::same_as<T, std::string>)
    return "text";
  else if constexpr (is_optional<T>)
    return kind_in_words<typename T::value_type>() + " or null";
  else if constexpr (is_vector<T>)
    return "list of " + kind_in_words<typename T::value_type>();
  else if constexpr (is_map<T>)
    return "object of " + kind_in_words<typename T::mapped_type>();
  else if constexpr (plain_struct<T>)
    return "list of " + std::to_string(boost::pfr::tuple_size_v<T>) + " values";
  else
    static_assert(no_json_for<T>,
                  "fanout: a parameter of an exported function is a bool, an integer, a floating-point number, a "
                  "std::string, or a std::vector, std::map<std::string, …>, std::optional or plain struct of such");
}

template <class T>
T from_json(const plugin_value& given) {
  [[maybe_unused]] const auto want = [&](plugin_value::kind_of kind) {
    if (given.kind != kind) throw_not_a(given, kind_in_words<T>());
  };
  if constexpr (std::same_as<T, bool>) {
    want(plugin_value::boolean);
    return given.size == 4;  // "true"
  } else if constexpr (whole<T> && is_signed_whole<T>) {
    constexpr T most = greatest<T>();
    return static_cast<T>(whole_number(given, -static_cast<wide_int>(most) - 1, most));
  } else if constexpr (whole<T>) {
    return static_cast<T>(natural_number(given, greatest<T>()));
  } else if constexpr (std::floating_point<T>) {
    return static_cast<T>(real_number(given));
  } else if constexpr (std::same_as<T, std::string>) {
    want(plugin_value::text);
    return std::string(given.characters, given.size);
  } else if constexpr (is_optional<T>) {
    if (given.kind == plugin_value::null) return std::nullopt;
    return from_json<typename T::value_type>(given);
  } else if constexpr (is_vector<T>) {
    want(plugin_value::list);
    T items;
    for (std::size_t i = 0; i < given.count; ++i) items.push_back(from_json<typename T::value_type>(given.items[i]));
    return items;
  } else if constexpr (is_map<T>) {
    want(plugin_value::object);
    T items;
    for (std::size_t i = 0; i + 1 < given.count; i += 2)
      items.insert_or_assign(from_json<std::string>(given.items[i]),
                             from_json<typename T::mapped_type>(given.items[i + 1]));
    return items;
  } else {
    want(plugin_value::list);
    T fields{};
    if (given.count != boost::pfr::tuple_size_v<T>) throw_not_a(given, kind_in_words<T>());
    boost::pfr::for_each_field(fields, [&](auto& field, std::size_t i) {
      field = from_json<std::remove_cvref_t<decltype(field)>>(given.items[i]);
    });
    return fields;
  }
}

template <class T>
std::string to_json(const T& value) {
  [[maybe_unused]] const auto joined = [](const auto& items, auto&& text_of) {
    std::string all;
    for (const auto& item : items) all += (all.empty() ? "" : ", ") + text_of(item);
    return all;
  };
  if constexpr (std::same_as<T, bool>) {
    return value ? "true" : "false";
  } else if constexpr (whole<T> && is_signed_whole<T>) {
    return decimal(static_cast<wide_int>(value));
  } else if constexpr (whole<T>) {
    return decimal(static_cast<wide_unsigned>(value));
  } else if constexpr (std::floating_point<T>) {
    return json_number(static_cast<double>(value));
  } else if constexpr (std::convertible_to<T, std::string_view>) {
    return json_text(value);
  } else if constexpr (is_optional<T>) {
    return value ? to_json(*value) : "null";
  } else if constexpr (is_vector<T>) {
    return "[" + joined(value, [](const typename T::value_type& item) { return to_json(item); }) + "]";
  } else if constexpr (is_map<T>) {
    return "{" + joined(value, [](const auto& item) { return json_text(item.first) + ": " + to_json(item.second); }) +
           "}";
  } else if constexpr (plain_struct<T>) {
    std::string all;
    boost::pfr::for_each_field(value, [&](const auto& field) { all += (all.empty() ? "" : ", ") + to_json(field); });
    return "[" + all + "]";
  } else {
    static_assert(no_json_for<T>,
                  "fanout: an exported function returns nothing, or a bool, an integer, a floating-point number, a "
                  "std::string, or a std::vector, std::map<std::string, …>, std::optional or plain struct of such");
  }
}

}  // namespace fanout::detail
