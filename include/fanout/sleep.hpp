// SPDX-License-Identifier: Apache-2.0
// sleep, sleep_until, yield: let others run for a while.
#pragma once

#include <chrono>
#include <concepts>
#include <coroutine>
#include <optional>

#include "fanout/detail/environment.hpp"
#include "fanout/detail/suspension.hpp"
#include "fanout/duration.hpp"
#include "fanout/errors.hpp"
#include "fanout/executor.hpp"
#include "fanout/stop.hpp"

namespace fanout {

namespace detail {

[[noreturn]] void throw_no_scheduler(const char* what);

class sleep_awaiter {
 public:
  explicit sleep_awaiter(time_point deadline) noexcept : deadline_(deadline) {}

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
  struct resume_op : timer_op {
    explicit resume_op(sleep_awaiter& a) noexcept
        : timer_op([](op& self) noexcept { static_cast<resume_op&>(self).awaiter.suspension_.arrive_woken(); }),
          awaiter(a) {}
    sleep_awaiter& awaiter;
  };

  struct wake_up {
    scheduler& where;
    timer_op& timer;
    void operator()() const noexcept { where.expedite(timer); }
  };

  bool suspend(std::coroutine_handle<> handle, environment env) {
    if (env.where == nullptr) throw_no_scheduler("sleep");
    stop_ = env.stop;
    if (stop_.stop_requested()) return false;
    suspension_.begin(handle);
    env.where->post_at(deadline_, timer_);
    if (stop_.stop_possible()) on_stop_.emplace(stop_, wake_up{*env.where, timer_});
    return suspension_.arrive_suspended();
  }

  const time_point deadline_;
  suspension suspension_;
  resume_op timer_{*this};
  stop_token stop_;
  std::optional<stop_callback<wake_up>> on_stop_;
};

class yield_awaiter {
 public:
  bool await_ready() const noexcept { return false; }

  template <class Promise>
  bool await_suspend(std::coroutine_handle<Promise> handle) {
    const environment env = environment_of(handle);
    if (env.where == nullptr) throw_no_scheduler("yield");
    stop_ = env.stop;
    if (stop_.stop_requested()) return false;
    handle_ = handle;
    env.where->post(op_);
    return true;
  }

  void await_resume() const {
    if (stop_.stop_requested()) throw cancelled();
  }

 private:
  struct resume_op : op {
    explicit resume_op(yield_awaiter& a) noexcept
        : op([](op& self) noexcept { static_cast<resume_op&>(self).awaiter.handle_.resume(); }), awaiter(a) {}
    yield_awaiter& awaiter;
  };

  std::coroutine_handle<> handle_;
  stop_token stop_;
  resume_op op_{*this};
};

/// `now + time`, at most the last point that the clock can show.
inline time_point after(duration time) noexcept {
  const time_point now = std::chrono::steady_clock::now();
  return time > time_point::max() - now ? time_point::max() : now + time;
}

}  // namespace detail

/// `co_await sleep(100ms)`: goes on after that time at the earliest, on the executor the coroutine was started on.
/// Throws `cancelled`, without waiting for the time to pass, if the coroutine is asked to stop.
inline auto sleep(duration time) { return detail::sleep_awaiter(detail::after(time)); }

/// Any unit, fractions too: sleep(0.5s).
template <class Rep, class Period>
auto sleep(std::chrono::duration<Rep, Period> time) {
  const std::chrono::duration<double, std::nano> nanoseconds = time;
  const bool fits = nanoseconds < std::chrono::duration<double, std::nano>(duration::max());
  return sleep(fits ? std::chrono::duration_cast<duration>(time) : duration::max());
}

/// A number has no unit: write sleep(1s), not sleep(1) (which would otherwise be ::sleep where <unistd.h> is in sight).
template <std::integral Number>
void sleep(Number) = delete;

/// Goes on at that point in time, or soon after.
inline auto sleep_until(time_point deadline) { return detail::sleep_awaiter(deadline); }

/// `co_await yield()`: lets everything that is ready run first.
inline auto yield() noexcept { return detail::yield_awaiter(); }

}  // namespace fanout
