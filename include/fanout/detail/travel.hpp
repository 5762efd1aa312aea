// SPDX-License-Identifier: Apache-2.0
// Which types may travel to another process, and by which rule: as their bytes, by cereal, field by field, or not.
#pragma once

#include <array>
#include <cstddef>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <cereal/cereal.hpp>

namespace fanout::detail {

class writer;
class reader;

template <class T>
inline constexpr bool is_view = false;
template <class C, class Traits>
inline constexpr bool is_view<std::basic_string_view<C, Traits>> = true;
template <class T, std::size_t N>
inline constexpr bool is_view<std::span<T, N>> = true;
template <class T>
inline constexpr bool is_view<std::reference_wrapper<T>> = true;
template <class T>
inline constexpr bool is_view<std::initializer_list<T>> = true;

template <class T>
inline constexpr bool is_function_pointer = std::is_pointer_v<T> && std::is_function_v<std::remove_pointer_t<T>>;

/// An address: means nothing in another process.
template <class T>
concept address_like = std::is_pointer_v<T> || std::is_member_pointer_v<T> || is_view<T>;

/// cereal has a function for it: its own for the standard's types, the user's serialize, save or load for theirs.
template <class T>
concept known_to_cereal =
    cereal::traits::is_output_serializable<T, writer>::value || cereal::traits::is_input_serializable<T, reader>::value;

struct initializes_anything {
  template <class T>
  operator T() const;
};
struct initializes_pointers {
  template <class T>
    requires std::is_pointer_v<T> || std::is_member_pointer_v<T>
  operator T() const;
};
template <class T, std::size_t... Before>
concept pointer_follows =
    requires(initializes_pointers pointer) { T{(static_cast<void>(Before), initializes_anything())..., pointer}; };

/// Is there a pointer among the first fields of this struct? Asked by trying to initialize each with a pointer alone.
template <class T>
constexpr bool holds_pointer() {
  constexpr std::size_t fields_tried = 16;
  if constexpr (std::is_aggregate_v<T> && std::is_class_v<T> && !known_to_cereal<T>) {
    return []<std::size_t... I>(std::index_sequence<I...>) {
      return ([]<std::size_t... Before>(std::index_sequence<Before...>) {
        return pointer_follows<T, Before...>;
      }(std::make_index_sequence<I>()) ||
              ...);
    }(std::make_index_sequence<fields_tried>());
  } else {
    return false;
  }
}

/// 128-bit integers, which std::is_arithmetic does not count as such in strict C++23.
template <class T>
inline constexpr bool is_wide_integer = false;
#ifdef __SIZEOF_INT128__
template <>
inline constexpr bool is_wide_integer<__int128> = true;
template <>
inline constexpr bool is_wide_integer<unsigned __int128> = true;
#endif

/// Copied as they are in memory. What cereal knows is left to it: a type with a serialize function has a reason for it.
template <class T>
constexpr bool travels_as_bytes() {
  if constexpr (std::is_arithmetic_v<T> || is_wide_integer<T> || std::is_enum_v<T> || std::is_null_pointer_v<T>) {
    return true;
  } else if constexpr (address_like<T> || !(std::is_class_v<T> || std::is_union_v<T>)) {
    return false;
  } else if constexpr (!std::is_trivially_copyable_v<T> || !std::is_copy_constructible_v<T>) {
    return false;
  } else {
    return !known_to_cereal<T> && !holds_pointer<T>();
  }
}
template <class T, std::size_t N>
constexpr bool array_travels_as_bytes(const std::array<T, N>*) {
  return travels_as_bytes<T>();
}
constexpr bool array_travels_as_bytes(const void*) { return false; }

template <class T>
concept bytes_type = travels_as_bytes<T>() || array_travels_as_bytes(static_cast<const T*>(nullptr));

/// Containers whose elements lie in one block and are copied as bytes.
template <class T>
inline constexpr bool is_block = false;
template <class T, class A>
inline constexpr bool is_block<std::vector<T, A>> = bytes_type<T> && !std::is_same_v<T, bool>;
template <class C, class Traits, class A>
inline constexpr bool is_block<std::basic_string<C, Traits, A>> = true;

template <class T>
concept block_type = is_block<T>;

/// A struct without constructors, whose fields are sent one after another.
template <class T>
concept plain_aggregate = std::is_aggregate_v<T> && std::is_class_v<T> && !holds_pointer<T>();

/// Says at compile time what is wrong with a T that cannot travel.
template <class T>
constexpr void refuse_to_travel() {
  static_assert(!std::is_pointer_v<T> || is_function_pointer<T>,
                "fanout: a raw pointer cannot travel to another process: send the value, or a container");
  static_assert(!is_function_pointer<T> && !std::is_member_pointer_v<T>,
                "fanout: a function pointer cannot travel inside data: pass a captureless lambda or fanout::fn<&f>{}");
  static_assert(
      !is_view<T>,
      "fanout: a view or reference_wrapper cannot travel as a result or inside another type: what it looks at "
      "stays behind. Return std::string, std::vector or the value itself");
  static_assert(!holds_pointer<T>(),
                "fanout: a struct with a raw pointer among its fields cannot travel to another process: use values or "
                "containers, or give the struct a cereal serialize function");
  static_assert(address_like<T> || holds_pointer<T>(),
                "fanout: this type cannot travel to another process: give it a cereal serialize function (see "
                "https://uscilab.github.io/cereal), or make it a plain struct of types that can travel");
}

}  // namespace fanout::detail
