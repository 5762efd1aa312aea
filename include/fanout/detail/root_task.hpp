// SPDX-License-Identifier: Apache-2.0
// Running a task from outside any coroutine.
#pragma once

#include <coroutine>

#include "fanout/detail/spawn_scope.hpp"
#include "fanout/detail/waiter.hpp"
#include "fanout/executor.hpp"
#include "fanout/task.hpp"

namespace fanout::detail {

/// The task given to run(), until it has ended.
template <class T>
class root_task : private continuation {
 public:
  /// Throws fanout::error if the task is empty.
  root_task(task<T>&& main, scheduler& where, stop_token stop = {})
      : continuation(&finish), main_(task_access::take_unstarted(main)) {
    main_.promise().env = {&where, stop};
    main_.promise().tell(*this);
  }

  /// Counted until it has ended; for who does not run the scheduler while it waits.
  void count_in(spawn_scope& scope) noexcept {
    scope.enter();
    counted_ = &scope;
  }

  /// To be posted.
  op& start() noexcept { return main_.promise(); }
  completion& ended() noexcept { return ended_; }
  /// Afterwards.
  T unwrap() { return main_.promise().unwrap(); }

 private:
  static std::coroutine_handle<> finish(continuation& self, task_promise_base&) noexcept {
    auto& root = static_cast<root_task&>(self);
    spawn_scope* const counted = root.counted_;
    root.ended_.finish();  // from here on it may be gone
    return counted != nullptr ? counted->left(nullptr) : std::noop_coroutine();
  }

  frame_owner<T> main_;
  spawn_scope* counted_ = nullptr;
  completion ended_;
};

}  // namespace fanout::detail
