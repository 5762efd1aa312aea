// SPDX-License-Identifier: Apache-2.0
// co_await pool.schedule(): a coroutine goes on somewhere else, and comes back at its end.
#pragma once

#include <concepts>
#include <coroutine>
#include <utility>

#include "fanout/detail/environment.hpp"
#include "fanout/detail/frame_pool.hpp"
#include "fanout/detail/spawn_scope.hpp"
#include "fanout/detail/task_promise.hpp"
#include "fanout/errors.hpp"
#include "fanout/executor.hpp"
#include "fanout/stop.hpp"

namespace fanout::detail {

/// Told of the end of a task that has moved to another executor: tells whoever was to be told, where the task came
/// from. (They were promised to go on there.) Lives from the first move until then. Where the task is a guest it is
/// counted among what was spawned there, so that its host does not end before.
class way_home final : op, continuation, public pooled {
 public:
  /// Moves the task. Throws std::bad_alloc.
  static void move(task_promise_base& task, scheduler& to) {
    scheduler* const from = task.env.where;
    way_home* way = of(task);
    // Without an executor there is nowhere to come back to: whoever awaits goes on where the task ends.
    if (way == nullptr && from != &to && from != nullptr) {
      way = new way_home(*from);
      way->then_ = task.tell_instead(*way);
    }
    if (way != nullptr) way->visit(to);
    task.env.where = &to;
  }

 private:
  explicit way_home(scheduler& home) noexcept : op(&arrive), continuation(&leave), home_(home) {}

  /// Null if it has not moved.
  static way_home* of(task_promise_base& task) noexcept {
    continuation* const told = task.then().told();
    return told != nullptr && told->next == &leave ? static_cast<way_home*>(told) : nullptr;
  }

  void visit(scheduler& to) noexcept {
    scheduler* const before = std::exchange(host_, &to != &home_ ? &to : nullptr);
    if (host_ != nullptr) host_->spawned()->enter();
    if (before != nullptr) before->spawned()->left(nullptr);
  }

  static std::coroutine_handle<> leave(continuation& self, task_promise_base& task) noexcept {
    auto& way = static_cast<way_home&>(self);
    way.task_ = &task;
    task.env.where = &way.home_;
    way.visit(way.home_);
    way.home_.post(way);  // it may be gone now
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
  scheduler* host_ = nullptr;  // null: it is at home
  task_promise_base::follower then_;
  task_promise_base* task_ = nullptr;
};

/// Posts the op that every task is, to another scheduler.
class schedule_awaiter {
 public:
  using native_awaiter = void;

  using try_post_fn = bool (*)(scheduler&, op&) noexcept;

  schedule_awaiter(scheduler& to, try_post_fn try_post) noexcept : to_(to), try_post_(try_post) {}

  bool await_ready() const noexcept { return false; }

  template <class Promise>
  bool await_suspend(std::coroutine_handle<Promise> handle) {
    if constexpr (std::derived_from<Promise, task_promise_base>) {
      auto& task = handle.promise();
      stop_ = task.env.stop;
      if (stop_.stop_requested()) return false;
      scheduler* const from = task.env.where;
      way_home::move(task, to_);
      if (try_post_(to_, task)) return true;
      if (from != nullptr) way_home::move(task, *from);
      task.env.where = from;
      throw pool_closed("schedule: the pool was shut down, and takes no more work");
    } else {
      throw_no_scheduler("schedule");  // nor can it: only tasks can be moved
    }
  }

  void await_resume() const {
    if (stop_.stop_requested()) throw cancelled();
  }

 private:
  scheduler& to_;
  const try_post_fn try_post_;
  stop_token stop_;
};

}  // namespace fanout::detail
