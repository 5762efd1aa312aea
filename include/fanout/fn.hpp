// SPDX-License-Identifier: Apache-2.0
// fn<&S::f>: a function or member function as a type of its own, which is how a member function goes to a process pool.
#pragma once

#include <functional>
#include <type_traits>
#include <utility>

namespace fanout {

/// `pool.submit(fn<&account::balance>, account)` calls account.balance() in the worker, on a copy of `account`.
template <auto Function>
struct fn_t {
  template <class... Args>
    requires std::is_invocable_v<decltype(Function), Args...>
  constexpr std::invoke_result_t<decltype(Function), Args...> operator()(Args&&... args) const
      noexcept(std::is_nothrow_invocable_v<decltype(Function), Args...>) {
    return std::invoke(Function, std::forward<Args>(args)...);
  }
};

template <auto Function>
inline constexpr fn_t<Function> fn{};

}  // namespace fanout
