// SPDX-License-Identifier: Apache-2.0
// future<T>: the result of work given to a pool. Threads block on it, coroutines await it.
#pragma once

#include <coroutine>
#include <optional>
#include <utility>

#include "fanout/detail/environment.hpp"
#include "fanout/detail/future_state.hpp"
#include "fanout/detail/suspension.hpp"
#include "fanout/duration.hpp"
#include "fanout/errors.hpp"
#include "fanout/result.hpp"
#include "fanout/stop.hpp"

namespace fanout {

namespace detail {

struct future_access;

/// Waits for `event` in a coroutine; throws `cancelled` if the coroutine is asked to stop meanwhile.
class completion_awaiter {
 public:
  explicit completion_awaiter(completion& event) noexcept : event_(event) {}

  bool await_ready() const noexcept { return event_.done(); }

  template <class Promise>
  bool await_suspend(std::coroutine_handle<Promise> handle) {
    return suspend(handle, environment_of(handle));
  }

  void await_resume() {
    on_stop_.reset();  // waits for a stop request that is under way in another thread
    if (stopped_) throw cancelled();
  }

 private:
  struct resume_op : waiter {
    resume_op(completion_awaiter& a, scheduler* where) noexcept
        : waiter([](op& self) noexcept { static_cast<resume_op&>(self).awaiter.suspension_.arrive_woken(); }, where),
          awaiter(a) {}
    completion_awaiter& awaiter;
  };

  struct stop_wait {
    completion_awaiter& awaiter;
    void operator()() const noexcept {
      // Success means that the result will not wake the coroutine: this request does, by way of its scheduler.
      if (!awaiter.event_.unregister_waiter(*awaiter.resume_)) return;
      awaiter.stopped_ = true;
      awaiter.resume_->notify();
    }
  };

  bool suspend(std::coroutine_handle<> handle, environment env) {
    if (env.stop.stop_requested()) {
      stopped_ = true;
      return false;
    }
    suspension_.begin(handle);
    resume_.emplace(*this, env.where);
    if (!event_.register_waiter(*resume_)) return false;
    if (env.stop.stop_possible()) on_stop_.emplace(env.stop, stop_wait{*this});
    return suspension_.arrive_suspended();
  }

  completion& event_;
  suspension suspension_;
  bool stopped_ = false;
  std::optional<resume_op> resume_;
  std::optional<stop_callback<stop_wait>> on_stop_;
};

}  // namespace detail

/// The result of a task that runs elsewhere: one consumer, move-only. Destroying it detaches: the task goes on.
/// One thread at a time may use a future; whoever fulfils it may be any other.
template <class T>
class [[nodiscard]] future {
 public:
  using value_type = T;

  /// An empty one: valid() is false.
  future() noexcept = default;
  future(future&&) noexcept = default;
  future& operator=(future&&) noexcept = default;

  /// Waits, then returns the value or throws the task's error. Leaves the future empty. A worker of the pool that owes
  /// the result runs other tasks of that pool meanwhile.
  T get() {
    wait();
    const auto state = std::exchange(state_, {});
    return detail::unwrap<T>(state->outcome());
  }

  /// Waits until the result, or an error, is there.
  void wait() {
    auto& state = checked();
    detail::wait_for(state.event(), state.home());
  }

  /// Waits for `time` at most. True: the result is there.
  bool wait_for(duration time) {
    auto& state = checked();
    return detail::wait_for_until(state.event(), state.home(), std::chrono::steady_clock::now() + time);
  }

  /// Is the result there?
  bool ready() const { return checked().event().done(); }

  /// Does this stand for a task at all? Not after get(), co_await or a move.
  bool valid() const noexcept { return static_cast<bool>(state_); }

  /// True: the task will not run, or was asked to stop. False: it has ended, or it runs and cannot be asked.
  /// A task that is stopped this way ends with `cancelled`.
  bool cancel(cancel_mode mode = cancel_mode::cooperative) {
    auto& state = checked();
    return !state.event().done() && state.cancel(mode);
  }

  /// In a coroutine: waits without blocking its thread, and goes on where it was started. If the coroutine is asked to
  /// stop, it throws `cancelled`; the task itself goes on.
  auto operator co_await() && { return awaiter(checked_state()); }

 private:
  friend struct detail::future_access;

  class awaiter : public detail::completion_awaiter {
   public:
    explicit awaiter(detail::state_ptr<detail::future_state<T>> state) noexcept
        : completion_awaiter(state->event()), state_(std::move(state)) {}
    T await_resume() {
      completion_awaiter::await_resume();
      return detail::unwrap<T>(state_->outcome());
    }

   private:
    detail::state_ptr<detail::future_state<T>> state_;
  };

  explicit future(detail::state_ptr<detail::future_state<T>> state) noexcept : state_(std::move(state)) {}

  detail::future_state<T>& checked() const {
    if (!state_) throw error("this future is empty: its result was taken, or it never stood for a task");
    return *state_;
  }
  detail::state_ptr<detail::future_state<T>> checked_state() {
    checked();
    return std::exchange(state_, {});
  }

  detail::state_ptr<detail::future_state<T>> state_;
};

namespace detail {

/// What pools and ranges need of a future.
struct future_access {
  template <class T>
  static future<T> make(state_ptr<future_state<T>> state) noexcept {
    return future<T>(std::move(state));
  }
  template <class T>
  static future_state<T>& state(const future<T>& f) {
    return f.checked();
  }
};

}  // namespace detail

}  // namespace fanout
