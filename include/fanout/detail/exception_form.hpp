// SPDX-License-Identifier: Apache-2.0
// How exceptions of one type are taken apart where they were thrown, and put together where the future is.
#pragma once

#include <concepts>
#include <exception>
#include <expected>
#include <optional>
#include <stdexcept>
#include <string>
#include <system_error>
#include <type_traits>
#include <typeinfo>
#include <utility>

#include "fanout/detail/archive.hpp"
#include "fanout/detail/standard_types.hpp"
#include "fanout/detail/travel.hpp"

namespace fanout::detail {

/// A code travels as its category's name and its value. Nothing comes of a category that this process does not know.
void save_code(writer& to, const std::error_code& code);
std::optional<std::error_code> load_code(reader& from);

/// The base that keeps a text of its own, which can be asked for and set whatever E makes of it; void if there is none.
template <class E>
using text_base =
    std::conditional_t<std::is_convertible_v<E*, std::runtime_error*>, std::runtime_error,
                       std::conditional_t<std::is_convertible_v<E*, std::logic_error*>, std::logic_error, void>>;
template <class E>
concept keeps_text = !std::is_void_v<text_base<E>>;
template <class E>
concept keeps_code = std::is_convertible_v<E*, std::system_error*>;
template <class E>
concept keeps_cause = std::is_convertible_v<E*, std::nested_exception*>;

template <class E>
concept has_what = requires(const E& e) {
  { e.what() } -> std::convertible_to<const char*>;
};

/// Its fields travel, by the rules for arguments.
template <class E>
concept travels_by_fields = known_to_cereal<E> || bytes_type<E> || plain_aggregate<E>;

template <class E>
concept made_from_code = keeps_code<E> && (std::is_constructible_v<E, std::error_code, std::string> ||
                                           std::is_constructible_v<E, std::error_code>);
template <class E>
concept made_from_text = std::is_constructible_v<E, const std::string&> ||
                         requires(const char* text) { E{text}; };  // in braces, a bool does not take a pointer

template <class E>
E made_from(const std::string& text, const std::error_code& code) {
  if constexpr (keeps_code<E> && std::is_constructible_v<E, std::error_code, std::string>) {
    return E(code, text);
  } else if constexpr (made_from_code<E>) {
    return E(code);
  } else if constexpr (std::is_constructible_v<E, const std::string&>) {
    return E(text);
  } else if constexpr (made_from_text<E>) {
    return E{text.c_str()};
  } else {
    return E();
  }
}

/// What what() says, null too.
template <has_what E>
std::string text_of(const E& thrown) {
  const char* const text = thrown.what();
  return text != nullptr ? text : "";
}

/// The text that a base keeps, whatever what() makes of it.
template <keeps_text E>
std::string kept_text(const E& thrown) {
  using base = text_base<E>;
  return static_cast<const base&>(thrown).base::what();
}
template <keeps_text E>
void keep_text(E& made, const std::string& text) {
  static_cast<text_base<E>&>(made) = text_base<E>(text);
}

/// Taking apart and putting together. What the standard's bases keep is sent and set as it is; the rest is made from
/// the text, or sent field by field.
template <class E>
struct exception_parts {
  static void save(writer& to, const E& thrown) {
    if constexpr (keeps_code<E>) save_code(to, thrown.code());
    if constexpr (keeps_text<E>) to(kept_text(thrown));
    if constexpr (travels_by_fields<E>) to(thrown);
  }

  /// Nothing if this process cannot make one that says the same. May throw whatever E's code throws.
  static std::optional<E> make(reader& from, const std::string& text) {
    std::optional<std::error_code> code;
    if constexpr (keeps_code<E>) code = load_code(from);
    if (keeps_code<E> && !code) return std::nullopt;
    std::string kept = text;
    if constexpr (keeps_text<E>) from(kept);
    std::optional<E> made(made_from<E>(kept, code.value_or(std::error_code())));
    if constexpr (keeps_code<E>) static_cast<std::system_error&>(*made) = std::system_error(*code);
    if constexpr (keeps_text<E>) keep_text(*made, kept);
    if constexpr (travels_by_fields<E>) {
      from(*made);
    } else if constexpr (has_what<E>) {
      if (text_of(*made) != text) return std::nullopt;
    }
    return made;
  }
};

/// What expected::value() throws: the error that it was asked to ignore.
template <class Error>
struct exception_parts<std::bad_expected_access<Error>> {
  static void save(writer& to, const std::bad_expected_access<Error>& thrown) {
    if constexpr (std::same_as<Error, std::error_code>) {
      save_code(to, thrown.error());
    } else {
      to(thrown.error());
    }
  }
  static std::optional<std::bad_expected_access<Error>> make(reader& from, const std::string&) {
    if constexpr (std::same_as<Error, std::error_code>) {
      const auto code = load_code(from);
      if (!code) return std::nullopt;
      return std::bad_expected_access<Error>(*code);
    } else {
      Error error;
      from(error);
      return std::bad_expected_access<Error>(std::move(error));
    }
  }
};

/// What result<T>::value() throws. What it holds travels as its cause.
using failed_result = std::bad_expected_access<std::exception_ptr>;
template <>
struct exception_parts<failed_result> {
  static void save(writer&, const failed_result&) {}
  static std::optional<failed_result> make(reader&, const std::string&) { return failed_result(nullptr); }
};

/// One type of exceptions.
struct exception_form {
  const std::type_info* type;
  bool has_cause;  ///< it may keep another exception that caused it
  /// Inside a handler of such a one: appends its parts; sets the text if it has what().
  void (*save)(writer& to, std::string& text);
  /// Such a one, or what throw_with_nested makes of it; null if this process cannot make it. May throw anything.
  std::exception_ptr (*make)(reader& from, const std::string& text, bool with_nested);
};

template <class E>
void save_exception(writer& to, std::string& text) {
  try {
    throw;
  } catch (const E& thrown) {
    if constexpr (has_what<E>) text = text_of(thrown);
    exception_parts<E>::save(to, thrown);
  }
}

/// Thrown and caught. A copy that throws something else passes it on.
template <class E>
std::exception_ptr pointer_to(E&& made, bool with_nested) {
  if constexpr (std::is_nothrow_copy_constructible_v<E>) {
    if (!with_nested) return std::make_exception_ptr(std::move(made));
  }
  try {
    if constexpr (std::is_copy_constructible_v<E>) {
      if (with_nested) std::throw_with_nested(std::move(made));
    }
    throw E(std::move(made));
  } catch (const E&) {
    return std::current_exception();
  }
}

template <class E>
std::exception_ptr make_exception(reader& from, const std::string& text, bool with_nested) {
  auto made = exception_parts<E>::make(from, text);
  return made ? pointer_to(*std::move(made), with_nested) : nullptr;
}

template <class E>
inline constexpr exception_form form_of = {.type = &typeid(E),
                                           .has_cause = keeps_cause<E> || std::same_as<E, failed_result>,
                                           .save = &save_exception<E>,
                                           .make = &make_exception<E>};

/// Says at compile time what is wrong with an E that cannot be registered.
template <class E>
constexpr void check_registrable() {
  static_assert(std::same_as<E, std::remove_cvref_t<E>> && !address_like<E>,
                "fanout: an exception type is registered as it is thrown: by value, and not as a pointer or view");
  static_assert(std::is_move_constructible_v<E>, "fanout: an exception that comes back must be movable or copyable");
  static_assert(
      travels_by_fields<E> || (has_what<E> && (made_from_code<E> || made_from_text<E>)),
      "fanout: this exception type cannot be rebuilt: give it a cereal serialize function for its fields "
      "(see https://uscilab.github.io/cereal; an empty one if it has none), or a constructor that takes what() "
      "as a std::string");
  static_assert(!travels_by_fields<E> || made_from_code<E> || made_from_text<E> || std::is_default_constructible_v<E>,
                "fanout: this exception type has a serialize function, but there must be one first for it to fill: "
                "give it a constructor without parameters, or one that takes what() as a std::string");
}

/// A link in the list of those that were registered.
template <class T>
struct registered {
  T value;
  registered* next = nullptr;
};
using registered_form = registered<exception_form>;
using registered_category = registered<const std::error_category*>;

void add_registered(registered_form& form) noexcept;
void add_registered(registered_category& category) noexcept;
void remove_registered(registered_form& form) noexcept;
void remove_registered(registered_category& category) noexcept;

}  // namespace fanout::detail
