// SPDX-License-Identifier: Apache-2.0
// sleep, sleep_until, yield: let others run for a while.
#pragma once

#include <chrono>
#include <concepts>
#include <coroutine>
#include <optional>

#include "fanout/detail/compiler.hpp"
#include "fanout/detail/environment.hpp"
#include "fanout/detail/wait_awaiter.hpp"
#include "fanout/duration.hpp"
#include "fanout/errors.hpp"
#include "fanout/executor.hpp"
#include "fanout/stop.hpp"

namespace fanout {

namespace detail {

class sleep_awaiter {
 public:
  using native_awaiter = void;

  explicit sleep_awaiter(time_point deadline) noexcept : deadline_(deadline) {}
  sleep_awaiter(const sleep_awaiter&) = delete;
  sleep_awaiter& operator=(const sleep_awaiter&) = delete;

  bool await_ready() const noexcept { return false; }

  template <class Promise>
  bool await_suspend(std::coroutine_handle<Promise> handle) {
    return suspend(handle, environment_of(handle));
  }

  void await_resume() {
    on_stop_.reset();  // waits for a stop request that is under way in another thread
    if (stop_.stop_requested()) throw cancelled();
  }

 private:
  struct wake_up {
    scheduler& where;
    timer_op& timer;
    void operator()() const noexcept { where.expedite(timer); }
  };

  bool suspend(std::coroutine_handle<> handle, environment env) {
    scheduler& where = scheduler_of(env, "sleep");
    stop_ = env.stop;
    if (stop_.stop_requested()) return false;
    if (!stop_.stop_possible()) {
      timer_.resumes_alone(handle);
      where.post_at(deadline_, timer_);
      return true;
    }
    timer_.resumes_as_second(handle);
    where.post_at(deadline_, timer_);
    on_stop_.emplace(stop_, wake_up{where, timer_});
    return timer_.arrive();
  }

  const time_point deadline_;
  resuming_op<timer_op> timer_;
  stop_token stop_;
  std::optional<stop_callback<wake_up>> on_stop_;
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
