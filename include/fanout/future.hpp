// SPDX-License-Identifier: Apache-2.0
// future<T>: the result of work that goes on elsewhere. Threads block on it, coroutines await it.
#pragma once

#include <chrono>
#include <coroutine>
#include <utility>

#include "fanout/detail/blocking.hpp"
#include "fanout/detail/compiler.hpp"
#include "fanout/detail/future_state.hpp"
#include "fanout/detail/wait_awaiter.hpp"
#include "fanout/duration.hpp"
#include "fanout/errors.hpp"
#include "fanout/result.hpp"

namespace fanout {

namespace detail {
struct future_access;
}  // namespace detail

/// The result of a task that runs elsewhere: one consumer, move-only. Destroying it detaches: the task goes on, and if
/// it fails, stderr says so, since nobody else can.
/// One thread at a time may use a future; whoever fulfils it may be any other.
template <class T>
class [[nodiscard]] future {
 public:
  using value_type = T;

  /// An empty one: valid() is false.
  future() noexcept = default;
  future(future&&) noexcept = default;
  future& operator=(future&&) noexcept = default;
  future(const future&) = FANOUT_DELETED("fanout: a future has one owner: write std::move(f)");
  future& operator=(const future&) = FANOUT_DELETED("fanout: a future has one owner: write std::move(f)");

  /// Waits, then returns the value or throws the task's error. Leaves the future empty. A worker of the pool that owes
  /// the result runs what it has submitted itself, and the task, meanwhile. Throws fanout::error, at once, on the
  /// thread of the event loop that owes it, which could never fulfil it while this waits: await it there; and on an
  /// empty future.
  T get() {
    wait();
    const auto state = std::exchange(state_, {});
    return detail::unwrap<T>(state->take());
  }

  /// Waits until the result, or an error, is there. Throws as get() does, but not the task's error.
  void wait() {
    auto& state = checked();
    detail::wait_for(state.event(), state);
  }

  /// Waits for `time`; not at all, and never throwing, if that is 0 or less. True: the result is there. A worker of the
  /// pool that owes the result runs nothing meanwhile, for it could not leave that in time: the task is left to the
  /// pool's other threads, of which there is one more if need be.
  bool wait_for(duration time) {
    auto& state = checked();
    const time_point deadline = detail::after(time);
    return detail::wait_for(state.event(), state, &deadline);
  }

  /// Any unit, fractions too: wait_for(0.5s).
  template <class Rep, class Period>
  bool wait_for(std::chrono::duration<Rep, Period> time) {
    return wait_for(detail::saturated(time));
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
  auto operator co_await() && {
    checked();
    return awaiter(std::exchange(state_, {}));
  }
  void operator co_await() & =
      FANOUT_DELETED("fanout: a future is awaited once, and is empty then: write co_await std::move(f)");

 private:
  friend struct detail::future_access;
  using state = detail::future_state<T>;

  class awaiter : public detail::wait_awaiter<detail::completion&> {
   public:
    explicit awaiter(detail::state_ptr<state> s) noexcept : wait_awaiter(s->event()), state_(std::move(s)) {}
    T await_resume() {
      wait_awaiter::await_resume();
      return detail::unwrap<T>(state_->take());
    }

   private:
    const detail::state_ptr<state> state_;
  };

  explicit future(detail::state_ptr<state> s) noexcept : state_(std::move(s)) {}

  state& checked() const {
    if (!state_) throw error("this future is empty: its result was taken, or it never stood for a task");
    return *state_;
  }

  detail::state_ptr<state> state_;
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
