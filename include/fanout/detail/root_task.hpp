// SPDX-License-Identifier: Apache-2.0
// Running a task from outside any coroutine.
#pragma once

#include <coroutine>

#include "fanout/detail/waiter.hpp"
#include "fanout/executor.hpp"
#include "fanout/stop.hpp"
#include "fanout/task.hpp"

namespace fanout::detail {

/// Makes `main` ready to be posted to `where`, as the op that is returned; it finishes `ended` when it has ended. Both
/// must live until then.
template <class T>
op& prepare_root(task<T>& main, scheduler& where, stop_token stop, completion& ended) noexcept {
  auto& promise = task_access::promise(main);
  promise.env = {&where, stop};
  promise.then = {[](void* event, task_promise_base&) noexcept -> std::coroutine_handle<> {
                    static_cast<completion*>(event)->finish();
                    return std::noop_coroutine();
                  },
                  &ended};
  return promise;
}

}  // namespace fanout::detail
