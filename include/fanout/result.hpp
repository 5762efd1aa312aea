// SPDX-License-Identifier: Apache-2.0
// result<T>: a value, or the exception that came in its place.
#pragma once

#include <exception>
#include <expected>
#include <functional>
#include <type_traits>

namespace fanout {

namespace detail {

/// How a T is kept inside a result: references cannot be held by std::expected.
template <class T>
struct stored {
  using type = T;
};
template <class T>
struct stored<T&> {
  using type = std::reference_wrapper<T>;
};
template <class T>
using stored_t = typename stored<T>::type;

}  // namespace detail

/// What a task ended with. A T& is held as std::reference_wrapper<T>.
template <class T>
using result = std::expected<detail::stored_t<T>, std::exception_ptr>;

namespace detail {

/// The value, moved out, or the error thrown.
template <class T>
T unwrap(result<T>&& outcome) {
  if (!outcome.has_value()) std::rethrow_exception(std::move(outcome).error());
  if constexpr (std::is_void_v<T>) {
    return;
  } else if constexpr (std::is_reference_v<T>) {
    return outcome->get();
  } else {
    return *std::move(outcome);
  }
}

}  // namespace detail

}  // namespace fanout
