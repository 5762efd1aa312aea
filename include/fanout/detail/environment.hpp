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

}  // namespace fanout::detail
