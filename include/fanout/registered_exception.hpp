// SPDX-License-Identifier: Apache-2.0
// registered_exception: exceptions of your own types come back from a process pool as what they are.
#pragma once

#include <system_error>

#include "fanout/detail/exception_form.hpp"

namespace fanout {

/// While one of these exists, here and in the workers, exceptions of type E (and what std::throw_with_nested makes of
/// them) come back as E instead of as remote_error. Make it where static constructors do, since workers do not run
/// main:
///
///   class parse_error : public std::runtime_error { … };
///   const fanout::registered_exception<parse_error> parse_error_comes_back;
///
/// What of an E travels: the text and the error code that the standard's runtime_error, logic_error and system_error
/// keep; its fields, if it has a cereal serialize function or is a plain struct; its cause, if it derives from
/// std::nested_exception. It is made by its constructor from a std::error_code and a text, from a text (what()), or
/// from nothing, the first there is; then what travelled is set. If it has no serialize function, and says something
/// else then, a remote_error comes back in its place.
///
/// Types have the same name in each file that throws or registers them, but for types in unnamed namespaces: those
/// are told apart by where they are, and if two of one name are registered, neither comes back as itself.
///
/// May be made and destroyed at any time and on any thread, also as a library is loaded and unloaded; several may exist
/// for one type. Neither throws. A library may be unloaded when no exception of its types is left or on its way, as
/// ever.
template <class E>
class registered_exception {
 public:
  registered_exception() noexcept {
    detail::check_registrable<E>();
    detail::add_registered(form_);
  }
  registered_exception(const registered_exception&) = delete;
  registered_exception& operator=(const registered_exception&) = delete;
  ~registered_exception() { detail::remove_registered(form_); }

 private:
  detail::registered_form form_{detail::form_of<E>};
};

/// The same for error codes: while one of these exists, here and in the workers, codes of this category come back in
/// exceptions that keep a code. It is known by its name, which no other category may have.
class registered_error_category {
 public:
  explicit registered_error_category(const std::error_category& category) noexcept : category_{&category} {
    detail::add_registered(category_);
  }
  registered_error_category(const registered_error_category&) = delete;
  registered_error_category& operator=(const registered_error_category&) = delete;
  ~registered_error_category() { detail::remove_registered(category_); }

 private:
  detail::registered_category category_;
};

}  // namespace fanout
