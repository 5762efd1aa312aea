// SPDX-License-Identifier: Apache-2.0
// result<T>: a value, or the exception that came in its place.
#pragma once

#include <exception>
#include <expected>
#include <functional>
#include <memory>
#include <type_traits>
#include <utility>

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

/// Puts a new outcome in the place of one; for a T that cannot be assigned, too. If making it throws, that error is the
/// outcome.
template <class R, class... Args>
void replace_outcome(R& place, Args&&... args) noexcept {
  std::destroy_at(&place);
  try {
    std::construct_at(&place, std::forward<Args>(args)...);
  } catch (...) {
    std::construct_at(&place, std::unexpect, std::current_exception());
  }
}

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
