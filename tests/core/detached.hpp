// SPDX-License-Identifier: Apache-2.0
// A coroutine that is not fanout's.
#pragma once

#include <coroutine>
#include <exception>

namespace fanout_test {

/// A coroutine of another library: no executor, nobody to stop it; begins at once, and goes on inside the call that
/// wakes it.
struct detached {
  struct promise_type {
    detached get_return_object() noexcept { return {}; }
    std::suspend_never initial_suspend() const noexcept { return {}; }
    std::suspend_never final_suspend() const noexcept { return {}; }
    void return_void() const noexcept {}
    [[noreturn]] void unhandled_exception() const noexcept { std::terminate(); }
  };
};

}  // namespace fanout_test
