// SPDX-License-Identifier: Apache-2.0
// For what a coroutine may await again and again without ever having to wait.
#pragma once

#include <coroutine>

#include "fanout/detail/environment.hpp"
#include "fanout/sleep.hpp"

namespace fanout::detail {

/// As yield(): its executor's other work, timers and I/O get their turn, and `cancelled` is thrown if the coroutine is
/// asked to stop. Nothing where there is no executor, and so nobody who could have a turn.
class give_way_awaiter : public yield_awaiter {
 public:
  template <class Promise>
  bool await_suspend(std::coroutine_handle<Promise> handle) {
    return environment_of(handle).where != nullptr && yield_awaiter::await_suspend(handle);
  }
};

}  // namespace fanout::detail
