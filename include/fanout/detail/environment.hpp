// SPDX-License-Identifier: Apache-2.0
// What a coroutine inherits from the one that awaits it: where it runs, and who may stop it.
#pragma once

#include <coroutine>

#include "fanout/executor.hpp"
#include "fanout/stop.hpp"

namespace fanout::detail {

struct environment {
  scheduler* where = nullptr;  // null: resumed inline, by whoever ends what it waits for
  stop_token stop;
};

/// The environment of any coroutine: a promise that is not fanout's has an empty one.
template <class Promise>
environment environment_of(std::coroutine_handle<Promise> handle) noexcept {
  if constexpr (requires {
                  { handle.promise().env } -> std::convertible_to<const environment&>;
                }) {
    return handle.promise().env;
  } else {
    return {};
  }
}

/// Looks into the coroutine that awaits it, without suspending it. A task answers without a suspension point even
/// (task_promise_base::await_transform).
struct environment_awaiter {
  using native_awaiter = void;

  bool await_ready() const noexcept { return false; }
  template <class Promise>
  bool await_suspend(std::coroutine_handle<Promise> handle) noexcept {
    env = environment_of(handle);
    return false;
  }
  environment await_resume() const noexcept { return env; }

  environment env{};
};

[[noreturn]] void throw_no_scheduler(const char* what);

/// Where the coroutine runs. Throws fanout::error, naming `what` it wanted to do, if it runs on no executor.
inline scheduler& scheduler_of(const environment& env, const char* what) {
  if (env.where == nullptr) throw_no_scheduler(what);
  return *env.where;
}

}  // namespace fanout::detail
