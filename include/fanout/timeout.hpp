// SPDX-License-Identifier: Apache-2.0
// timeout: a task that is stopped if it takes too long.
#pragma once

#include <atomic>
#include <chrono>
#include <concepts>
#include <coroutine>
#include <utility>

#include "fanout/detail/environment.hpp"
#include "fanout/duration.hpp"
#include "fanout/errors.hpp"
#include "fanout/executor.hpp"
#include "fanout/stop.hpp"
#include "fanout/task.hpp"

namespace fanout {

namespace detail {

[[noreturn]] void throw_timed_out(duration time);

/// A task and a timer, awaited together, in the frame of `timeout`. Two must arrive before that goes on, since both
/// refer to this: the task's end, and the timer, which the task's end brings forward.
///
///     task ends:    ended_ = true, expedite the timer, arrive
///     timer runs:   if the task has not ended: expired_ = true, ask it to stop; arrive
///
/// With no time there is no timer: it has expired, and arrived, before the task begins.
template <class T>
class timed_wait : private continuation {
 public:
  using native_awaiter = void;

  timed_wait(environment env, duration time, task<T>& body)
      : continuation(&task_ended),
        env_(env),
        where_(scheduler_of(env, "timeout")),
        time_(time),
        body_(task_access::take_unstarted(body)),
        stop_(env.stop) {}

  bool await_ready() const noexcept { return false; }

  std::coroutine_handle<> await_suspend(std::coroutine_handle<> parent) {
    parent_ = parent;
    if (time_ > duration::zero()) {
      where_.post_at(after(time_), timer_);
    } else {
      expired_ = arrived_ = true;
      stop_.request_stop();
    }
    auto& promise = body_.promise();
    promise.env = {&where_, stop_.get_token()};
    promise.tell(*this);
    return promise.frame();
  }

  T await_resume() {
    try {
      return body_.promise().unwrap();
    } catch (const cancelled&) {
      stopped_ = true;
      throw;
    }
  }

  /// Did the task end by being stopped, and for no other reason than its time?
  bool timed_out() const noexcept { return stopped_ && expired_ && !env_.stop.stop_requested(); }

 private:
  struct timer : timer_op {
    explicit timer(timed_wait& w) noexcept
        : timer_op([](op& self) noexcept { static_cast<timer&>(self).wait.time_passed(); }), wait(w) {}
    timed_wait& wait;
  };

  static std::coroutine_handle<> task_ended(continuation& end, task_promise_base&) noexcept {
    auto& self = static_cast<timed_wait&>(end);
    self.ended_.store(true, std::memory_order_relaxed);  // only spares the task's end a stop request; either will do
    if (self.time_ > duration::zero()) self.where_.expedite(self.timer_);
    return self.second() ? self.parent_ : std::noop_coroutine();
  }

  void time_passed() noexcept {
    if (!ended_.load(std::memory_order_relaxed)) {
      expired_ = true;
      stop_.request_stop();
    }
    if (second()) parent_.resume();
  }

  // Acquire and release: whoever is second sees what the first wrote.
  bool second() noexcept { return arrived_.exchange(true, std::memory_order_acq_rel); }

  const environment env_;
  scheduler& where_;
  const duration time_;
  const frame_owner<T> body_;
  stop_source stop_;
  timer timer_{*this};
  std::coroutine_handle<> parent_;
  std::atomic<bool> ended_ = false;
  std::atomic<bool> arrived_ = false;
  bool expired_ = false;
  bool stopped_ = false;
};

}  // namespace detail

/// Runs the task; if it has not ended after `time`, asks it to stop and waits until it has. Its value or error is what
/// this ends with, unless it ended by being stopped for its time: then it is timed_out. The time begins when this is
/// awaited; none, or less, stops the task at its first suspension.
template <class T>
task<T> timeout(duration time, task<T> body) {
  detail::timed_wait<T> wait(co_await detail::environment_awaiter{}, time, body);
  try {
    co_return co_await wait;
  } catch (const cancelled&) {
    if (!wait.timed_out()) throw;
  }
  detail::throw_timed_out(time);
}

/// Any unit, fractions too: timeout(0.5s, …).
template <class Rep, class Period, class T>
task<T> timeout(std::chrono::duration<Rep, Period> time, task<T> body) {
  return timeout(detail::saturated(time), std::move(body));
}

/// A number has no unit.
template <std::integral Number, class T>
void timeout(Number, task<T>) = FANOUT_DELETED("fanout: a number has no unit: write timeout(1s, …), not timeout(1, …)");

template <detail::returns_task F>
void timeout(duration, F&&) = FANOUT_DELETED(FANOUT_CALL_IT);

}  // namespace fanout
