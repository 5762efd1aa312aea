// SPDX-License-Identifier: Apache-2.0
// sleep, sleep_until, yield: let others run for a while.
#pragma once

#include <chrono>
#include <concepts>
#include <coroutine>

#include "fanout/detail/compiler.hpp"
#include "fanout/detail/environment.hpp"
#include "fanout/detail/task_promise.hpp"
#include "fanout/duration.hpp"
#include "fanout/errors.hpp"
#include "fanout/executor.hpp"
#include "fanout/stop.hpp"

namespace fanout {

namespace detail {

/// A timer that resumes the task, once it and await_suspend, which may still be at work in another thread, are both
/// there; and the callback that brings it forward. (No bigger than it must be: it is in the frame of every sleeper.)
class sleep_awaiter : timer_op, stop_callback_base {
 public:
  using native_awaiter = void;

  explicit sleep_awaiter(time_point until) noexcept : timer_op(&resume_if_second), stop_callback_base(&stop_sleeping) {
    deadline = until;
  }

  bool await_ready() const noexcept { return false; }

  template <class Promise>
  bool await_suspend(std::coroutine_handle<Promise> handle) {
    if constexpr (std::derived_from<Promise, task_promise_base>) {
      return suspend(handle.promise());
    } else {
      throw_no_scheduler("sleep");  // nor can it: only tasks have an environment
    }
  }

  void await_resume() {
    const stop_token stop = sleeper().env.stop;
    detach(stop);  // waits for a stop request that is under way in another thread
    if (stop.stop_requested()) throw cancelled();
  }

 private:
  task_promise_base& sleeper() const noexcept { return *static_cast<task_promise_base*>(owner()); }

  bool suspend(task_promise_base& task) {
    scheduler& where = scheduler_of(task.env, "sleep");
    const stop_token stop = task.env.stop;
    set_owner(&task);
    if (stop.stop_requested()) return false;
    if (!stop.stop_possible()) {
      run = [](op& self) noexcept { static_cast<sleep_awaiter&>(self).resume(); };
      where.post_at(deadline, *this);
      return true;
    }
    where.post_at(deadline, *this);
    attach(stop);
    return !is_second_to_arrive();
  }

  void resume() noexcept { sleeper().run(sleeper()); }

  static void resume_if_second(op& self) noexcept {
    auto& me = static_cast<sleep_awaiter&>(self);
    if (me.is_second_to_arrive()) me.resume();
  }

  static void stop_sleeping(stop_callback_base& self) noexcept {
    auto& me = static_cast<sleep_awaiter&>(self);
    me.sleeper().env.where->expedite(me);
  }
};

/// Posts the op that every task is.
class yield_awaiter {
 public:
  using native_awaiter = void;

  bool await_ready() const noexcept { return false; }

  template <class Promise>
  bool await_suspend(std::coroutine_handle<Promise> handle) {
    const environment env = environment_of(handle);
    scheduler& where = scheduler_of(env, "yield");
    stop_ = env.stop;
    if (stop_.stop_requested()) return false;
    if constexpr (std::derived_from<Promise, op>) {
      where.post(handle.promise());
      return true;
    } else {
      throw_no_scheduler("yield");  // nor can it: only tasks have an environment
    }
  }

  void await_resume() const {
    if (stop_.stop_requested()) throw cancelled();
  }

 private:
  stop_token stop_;
};

}  // namespace detail

/// `co_await sleep(100ms)`: goes on after that time at the earliest, on the executor the coroutine was started on.
/// Throws `cancelled`, without waiting for the time to pass, if the coroutine is asked to stop.
inline detail::sleep_awaiter sleep(duration time) { return detail::sleep_awaiter(detail::after(time)); }

/// Any unit, fractions too: sleep(0.5s).
template <class Rep, class Period>
detail::sleep_awaiter sleep(std::chrono::duration<Rep, Period> time) {
  return sleep(detail::saturated(time));
}

/// A number has no unit: write sleep(1s), not sleep(1) (which would otherwise be ::sleep where <unistd.h> is in sight).
template <std::integral Number>
void sleep(Number) = FANOUT_DELETED("fanout: a number has no unit: write sleep(1s) or sleep(100ms), not sleep(1)");

/// Goes on at that point in time, or soon after.
inline detail::sleep_awaiter sleep_until(time_point deadline) { return detail::sleep_awaiter(deadline); }

/// `co_await yield()`: lets everything that is ready run first.
inline detail::yield_awaiter yield() noexcept { return detail::yield_awaiter(); }

}  // namespace fanout
