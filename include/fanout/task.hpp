// SPDX-License-Identifier: Apache-2.0
// task<T>: a lazy coroutine.
#pragma once

#include <coroutine>
#include <exception>
#include <type_traits>
#include <utility>

#include "fanout/detail/compiler.hpp"
#include "fanout/detail/environment.hpp"
#include "fanout/executor.hpp"
#include "fanout/result.hpp"
#include "fanout/stop.hpp"

namespace fanout {

template <class T = void>
class task;

namespace detail {

/// What comes after a task: given the task's promise, says which coroutine to go on with.
struct continuation {
  using next_fn = std::coroutine_handle<> (*)(void* context, struct task_promise_base&) noexcept;
  next_fn next = nullptr;
  void* context = nullptr;
};

/// An op in itself, so that starting a task on a scheduler allocates nothing.
struct task_promise_base : op {
  using op::op;

  struct final_awaiter {
    bool await_ready() const noexcept { return false; }
    template <class Promise>
    std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> self) const noexcept {
      auto& promise = self.promise();
      return promise.then.next(promise.then.context, promise);
    }
    void await_resume() const noexcept {}
  };

  std::suspend_always initial_suspend() const noexcept { return {}; }
  final_awaiter final_suspend() const noexcept { return {}; }

  /// Goes on with `parent` when this task has ended.
  void resume_after(std::coroutine_handle<> parent) noexcept {
    then = {[](void* context, task_promise_base&) noexcept { return std::coroutine_handle<>::from_address(context); },
            parent.address()};
  }

  environment env;
  continuation then;
};

template <class T>
struct task_outcome : task_promise_base {
  using task_promise_base::task_promise_base;

  void unhandled_exception() noexcept { replace_outcome(outcome, std::unexpect, std::current_exception()); }

  template <class U = T>
    requires std::convertible_to<U&&, T>
  void return_value(U&& value) {
    if constexpr (std::is_reference_v<T>) {
      replace_outcome(outcome, std::in_place, static_cast<T>(value));
    } else {
      replace_outcome(outcome, std::in_place, std::forward<U>(value));
    }
  }

  result<T> outcome{std::unexpect};
};

template <>
struct task_outcome<void> : task_promise_base {
  using task_promise_base::task_promise_base;

  void unhandled_exception() noexcept { replace_outcome(outcome, std::unexpect, std::current_exception()); }
  void return_void() noexcept { outcome.emplace(); }

  result<void> outcome{std::unexpect};
};

template <class T>
struct task_promise final : task_outcome<T> {
  task_promise() noexcept
      : task_outcome<T>([](op& self) noexcept {
          std::coroutine_handle<task_promise>::from_promise(static_cast<task_promise&>(self)).resume();
        }) {}
  task<T> get_return_object() noexcept;
};

/// Starts the task in place of the coroutine that awaits it, which goes on when the task has ended.
template <class T>
class task_awaiter {
 public:
  explicit task_awaiter(task_promise<T>& promise) noexcept : promise_(promise) {}

  bool await_ready() const noexcept { return false; }

  template <class Promise>
  std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> parent) noexcept {
    promise_.env = environment_of(parent);
    promise_.resume_after(parent);
    return std::coroutine_handle<task_promise<T>>::from_promise(promise_);
  }

  T await_resume() { return unwrap<T>(std::move(promise_.outcome)); }

 private:
  task_promise<T>& promise_;
};

struct task_access;

}  // namespace detail

/// A coroutine that begins when it is awaited, on the executor of whoever awaits it, and to which it returns after
/// every suspension. To be awaited once, as an rvalue: `co_await f()` or `co_await std::move(t)`. Not awaited, it never
/// runs. Ends with `cancelled` if it is asked to stop while it waits.
///
/// The arguments of a coroutine are copied into its frame; what they refer to, and the captures of a lambda, are not:
/// they must live until the task has ended.
template <class T>
class [[nodiscard]] task {
 public:
  using value_type = T;
  using promise_type = detail::task_promise<T>;

  task(task&& other) noexcept : frame_(std::exchange(other.frame_, nullptr)) {}
  task& operator=(task&& other) noexcept {
    std::swap(frame_, other.frame_);
    return *this;
  }
  ~task() {
    if (frame_) frame_.destroy();
  }

  auto operator co_await() && noexcept { return detail::task_awaiter<T>(frame_.promise()); }

 private:
  friend promise_type;
  friend detail::task_access;
  explicit task(std::coroutine_handle<promise_type> frame) noexcept : frame_(frame) {}

  std::coroutine_handle<promise_type> frame_;
};

namespace detail {

template <class T>
task<T> task_promise<T>::get_return_object() noexcept {
  return task<T>(std::coroutine_handle<task_promise>::from_promise(*this));
}

/// What starts tasks without awaiting them: run, gather.
struct task_access {
  template <class T>
  static task_promise<T>& promise(task<T>& t) noexcept {
    return t.frame_.promise();
  }
};

/// Looks into the coroutine that awaits it, without suspending it.
struct environment_awaiter {
  bool await_ready() const noexcept { return false; }
  template <class Promise>
  bool await_suspend(std::coroutine_handle<Promise> handle) noexcept {
    env = environment_of(handle);
    return false;
  }
  environment await_resume() const noexcept { return env; }

  environment env{};
};

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
