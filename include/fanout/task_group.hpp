// SPDX-License-Identifier: Apache-2.0
// with_task_group: tasks that are started one by one, and have all ended when it returns.
#pragma once

#include <atomic>
#include <concepts>
#include <coroutine>
#include <cstddef>
#include <exception>
#include <type_traits>
#include <utility>

#include "fanout/detail/environment.hpp"
#include "fanout/errors.hpp"
#include "fanout/executor.hpp"
#include "fanout/future.hpp"
#include "fanout/spawn.hpp"
#include "fanout/stop.hpp"
#include "fanout/task.hpp"

namespace fanout {

namespace detail {
template <class T>
class group_body;
struct group_maker;
}  // namespace detail

/// The future of a task in a group. It may be dropped: the group waits for the task, and throws its error.
template <class T>
class grouped_future : public future<T> {
 public:
  explicit grouped_future(future<T> f) noexcept : future<T>(std::move(f)) {}
};

/// The group that with_task_group gives to its body. Tasks of the group may spawn more; on a pool, from several threads
/// at the same time.
class task_group {
 public:
  task_group(const task_group&) = delete;
  task_group& operator=(const task_group&) = delete;

  /// Starts a task, soon, on the executor of the group. If it fails, the group stops all others, waits for them and
  /// throws that error. Throws fanout::error if the task is empty.
  template <class T>
  grouped_future<T> spawn(task<T> body) {
    auto* const started = new detail::spawned_task<T, task_group>(std::move(body), where_, *this);
    detail::state_ptr<detail::future_state<T>> state(started);
    started->seen();                                   // an error that is dropped with the future is the group's
    pending_.fetch_add(1, std::memory_order_relaxed);  // not the first count: the caller holds one
    started->start();
    return grouped_future<T>(detail::future_access::make(std::move(state)));
  }

  template <detail::returns_task F>
  void spawn(F&&) = FANOUT_DELETED(FANOUT_CALL_IT);

 private:
  template <class T, class Owner>
  friend class detail::spawned_task;
  template <class T>
  friend class detail::group_body;
  friend struct detail::group_maker;

  explicit task_group(const detail::environment& env)
      : outer_(env.stop), where_(detail::scheduler_of(env, "with_task_group")), stop_(env.stop) {}

  stop_token get_token() const noexcept { return stop_.get_token(); }

  /// A task has ended. Who goes on: the coroutine that waits for the group, if that was the last one.
  std::coroutine_handle<> left(const std::exception_ptr& error) noexcept {
    if (error != nullptr) {
      if (detail::is_cancelled(error)) {
        cancelled_.store(true, std::memory_order_relaxed);  // it alone was cancelled, or all: see group_body
      } else {
        fail(error);
      }
    }
    return leave();
  }

  void fail(const std::exception_ptr& error) noexcept {
    if (failed_.exchange(true)) return;
    error_ = error;
    stop_.request_stop();
  }

  std::coroutine_handle<> leave() noexcept {
    // Acquire and release: the last one sees what all did, and error_, which only the first that fails writes.
    const bool last = pending_.fetch_sub(1, std::memory_order_acq_rel) == 1;
    return last ? waiting_ : std::noop_coroutine();
  }

  const stop_token outer_;
  scheduler& where_;
  stop_source stop_;
  std::coroutine_handle<> waiting_;       // written before the body begins
  std::atomic<std::size_t> pending_ = 1;  // the body and the tasks that have not ended
  std::atomic<bool> failed_ = false;      // only decides whose error it is
  std::atomic<bool> cancelled_ = false;   // published by pending_
  std::exception_ptr error_;
};

namespace detail {

/// Runs the body of a group as its first task, and waits for all of them.
template <class T>
class group_body : private continuation {
 public:
  using native_awaiter = void;

  group_body(task_group& group, const task<T>& body)
      : continuation(&ended), group_(group), body_(task_access::unstarted(body)) {}

  bool await_ready() const noexcept { return false; }
  std::coroutine_handle<> await_suspend(std::coroutine_handle<> parent) noexcept {
    group_.waiting_ = parent;
    body_.env = {&group_.where_, group_.get_token()};
    body_.tell(*this);
    return body_.frame();
  }
  T await_resume() {
    if (group_.error_ != nullptr) std::rethrow_exception(group_.error_);
    // A task that was cancelled by its future is no error of the group; one that was stopped with all of them is.
    if (group_.cancelled_.load(std::memory_order_relaxed) && group_.outer_.stop_requested()) throw cancelled();
    return body_.unwrap();
  }

 private:
  static std::coroutine_handle<> ended(continuation& end, task_promise_base& body) noexcept {
    task_group& group = static_cast<group_body&>(end).group_;
    if (body.error != nullptr) group.fail(body.error);
    return group.leave();
  }

  task_group& group_;
  task_promise<T>& body_;
};

struct group_maker {
  static task_group make(const environment& env) { return task_group(env); }
};

/// So that what `body` throws before it gives its task is an error of the group like any other.
template <class Body, class T>
task<T> call_body(Body& body, task_group& group) {
  co_return co_await body(group);
}

}  // namespace detail

/// `co_await with_task_group([&](task_group& g) -> task<> { g.spawn(…); co_return; })`: runs the body, waits for it and
/// for all that was spawned in the group, and gives what the body returns. The first error, of the body or of a task,
/// stops all others and is thrown when they have ended. `body` is kept until then, captures and all.
template <std::invocable<task_group&> Body>
  requires detail::is_task<std::invoke_result_t<Body&, task_group&>>
std::invoke_result_t<Body&, task_group&> with_task_group(Body body) {
  using value_type = typename std::invoke_result_t<Body&, task_group&>::value_type;
  task_group group = detail::group_maker::make(co_await detail::environment_awaiter{});
  const task<value_type> main = detail::call_body<Body, value_type>(body, group);
  co_return co_await detail::group_body<value_type>(group, main);
}

template <std::invocable<task_group&> Body>
  requires(!detail::is_task<std::invoke_result_t<Body&, task_group&>>)
void with_task_group(Body) = FANOUT_DELETED(
    "fanout: the body of with_task_group must be a coroutine: [&](fanout::task_group& g) -> fanout::task<> { ...; "
    "co_return; }");

}  // namespace fanout
