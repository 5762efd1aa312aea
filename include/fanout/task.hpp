// SPDX-License-Identifier: Apache-2.0
// task<T>: a lazy coroutine.
#pragma once

#include <concepts>
#include <coroutine>
#include <type_traits>
#include <utility>

#include "fanout/detail/compiler.hpp"
#include "fanout/detail/environment.hpp"
#include "fanout/detail/task_promise.hpp"
#include "fanout/stop.hpp"

namespace fanout {

template <class T = void>
class task;

namespace detail {

[[noreturn]] void throw_task_is_empty();

struct task_access;

}  // namespace detail

/// A coroutine that begins when it is awaited, on the executor of whoever awaits it, and to which it returns after
/// every suspension. To be awaited once, as an rvalue: `co_await f()` or `co_await std::move(t)`. Not awaited, it never
/// runs. Ends with `cancelled` if it is asked to stop while it waits.
///
/// The arguments of a coroutine are copied into its frame; what they refer to, and the captures of a lambda, are not:
/// they must live until the task has ended. A lambda that begins with `[x](this auto)` keeps its captures in the frame.
template <class T>
class [[nodiscard]] task {
 public:
  using value_type = T;
  using promise_type = detail::task_promise<T>;

  task(task&&) noexcept = default;
  task& operator=(task&&) noexcept = default;
  task(const task&) = FANOUT_DELETED("fanout: a task has one owner: write std::move(t)");
  task& operator=(const task&) = FANOUT_DELETED("fanout: a task has one owner: write std::move(t)");

  /// Throws fanout::error if this task was awaited, or moved from, before.
  detail::task_awaiter<T> operator co_await() && { return detail::task_awaiter<T>(unstarted()); }
  void operator co_await() const& = FANOUT_DELETED(
      "fanout: a task is awaited once, and is over then: write co_await std::move(t), or co_await f() at once");

 private:
  friend promise_type;
  friend detail::task_access;
  explicit task(std::coroutine_handle<promise_type> frame) noexcept : frame_(frame) {}

  detail::task_promise<T>& unstarted() const {
    if (!frame_ || frame_.promise().started()) [[unlikely]]
      detail::throw_task_is_empty();
    return frame_.promise();
  }

  detail::frame_owner<T> frame_;
};

namespace detail {

template <class T>
task<T> task_promise<T>::get_return_object() noexcept {
  return task<T>(frame());
}

/// What starts tasks without awaiting them: run, spawn, gather. Throws fanout::error if the task is empty, or started.
struct task_access {
  template <class T>
  static task_promise<T>& unstarted(const task<T>& t) {
    return t.unstarted();
  }
  template <class T>
  static std::coroutine_handle<> frame(const task<T>& t) noexcept {
    return t.frame_.frame();
  }
  template <class T>
  static frame_owner<T> take_unstarted(task<T>& t) {
    t.unstarted();
    return std::move(t.frame_);
  }
  template <class T>
  static frame_owner<T> take_unstarted(task<T>&& t) {
    return take_unstarted(t);
  }
  /// Of a task that has ended.
  template <class T>
  static frame_owner<T> take_ended(task<T>& t) noexcept {
    return std::move(t.frame_);
  }
};

/// What takes a task is often given the coroutine instead of a call of it.
template <class F>
concept returns_task = std::invocable<F> && is_task<std::invoke_result_t<F>>;

#define FANOUT_CALL_IT                                                                                                \
  "fanout: this takes a task, not the coroutine that makes one. Call it. If it is a lambda with captures, name it "   \
  "first and let it live until the task has ended, or begin it with [captures](this auto): they live in the lambda, " \
  "not in the task"

/// What calls a function, again and again, is given a coroutine: the sentence for `map`, and its like.
#define FANOUT_GATHER_THEM(name)                                                                                   \
  "fanout: " name                                                                                                  \
  " takes a function, not a coroutine: nobody would await the tasks that it makes. Make them yourself, and await " \
  "them together: gather(tasks), in pool.run(…) or wherever there is a coroutine"

}  // namespace detail

/// About the coroutine that asks.
namespace this_task {

/// `co_await this_task::get_stop_token()`: has anybody asked this task to stop?
inline auto get_stop_token() noexcept {
  struct awaiter : detail::environment_awaiter {
    stop_token await_resume() const noexcept { return env.stop; }
  };
  return awaiter{};
}

}  // namespace this_task

}  // namespace fanout

#include "fanout/detail/foreign_awaiter.hpp"
