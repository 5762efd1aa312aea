// SPDX-License-Identifier: Apache-2.0
// co_await pool.schedule(): a coroutine goes on somewhere else, and comes back at its end.
#pragma once

#include <concepts>
#include <coroutine>

#include "fanout/detail/environment.hpp"
#include "fanout/detail/frame_pool.hpp"
#include "fanout/detail/task_promise.hpp"
#include "fanout/errors.hpp"
#include "fanout/executor.hpp"
#include "fanout/stop.hpp"

namespace fanout::detail {

/// Told of the end of a task that was moved to another executor: tells whoever was to be told, where the task came
/// from. (They were promised to go on there.) Lives from the move until then.
class way_home final : op, continuation, public pooled {
 public:
  /// Moves the task. Throws std::bad_alloc.
  static void move(task_promise_base& task, scheduler& to) {
    scheduler* const from = task.env.where;
    // Without an executor there is nowhere to come back to: whoever awaits goes on where the task ends.
    if (from != &to && from != nullptr) {
      auto* const way = new way_home(*from);
      way->then_ = task.tell_instead(*way);
    }
    task.env.where = &to;
  }

 private:
  explicit way_home(scheduler& home) noexcept : op(&arrive), continuation(&leave), home_(home) {}

  static std::coroutine_handle<> leave(continuation& self, task_promise_base& task) noexcept {
    auto& way = static_cast<way_home&>(self);
    way.task_ = &task;
    task.env.where = &way.home_;
    way.home_.post(way);
    return std::noop_coroutine();
  }

  static void arrive(op& self) noexcept {
    auto& way = static_cast<way_home&>(self);
    task_promise_base& task = *way.task_;
    const auto then = way.then_;
    delete &way;
    then.next(task).resume();
  }

  scheduler& home_;
  task_promise_base::follower then_;
  task_promise_base* task_ = nullptr;
};

/// Posts the op that every task is, to another scheduler.
class schedule_awaiter {
 public:
  using native_awaiter = void;

  explicit schedule_awaiter(scheduler& to) noexcept : to_(to) {}

  bool await_ready() const noexcept { return false; }

  template <class Promise>
  bool await_suspend(std::coroutine_handle<Promise> handle) {
    if constexpr (std::derived_from<Promise, task_promise_base>) {
      auto& task = handle.promise();
      stop_ = task.env.stop;
      if (stop_.stop_requested()) return false;
      way_home::move(task, to_);
      to_.post(task);
      return true;
    } else {
      throw_no_scheduler("schedule");  // nor can it: only tasks can be moved
    }
  }

  void await_resume() const {
    if (stop_.stop_requested()) throw cancelled();
  }

 private:
  scheduler& to_;
  stop_token stop_;
};

}  // namespace fanout::detail
