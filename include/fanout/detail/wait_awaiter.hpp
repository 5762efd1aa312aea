// SPDX-License-Identifier: Apache-2.0
// How a coroutine waits, and how a stop request gets it out again.
#pragma once

#include <atomic>
#include <concepts>
#include <coroutine>
#include <optional>
#include <utility>

#include "fanout/detail/environment.hpp"
#include "fanout/detail/waiter.hpp"
#include "fanout/errors.hpp"
#include "fanout/stop.hpp"

namespace fanout::detail {

/// What a coroutine, or a thread, can wait for.
template <class S>
concept wait_source = requires(S& source, waiter& w) {
  // No need to wait.
  { source.ready() } noexcept -> std::same_as<bool>;
  // False: there is none any more, and `w` will not run.
  { source.register_waiter(w) } -> std::same_as<bool>;
  // True: `w` will not run. False: it is running, or will, and what it waited for is the coroutine's.
  { source.unregister_waiter(w) } noexcept -> std::same_as<bool>;
};

/// A waiter that resumes a coroutine: alone, or once two have arrived, it and await_suspend, which may still be at work
/// in another thread. Whoever is second resumes it, so its frame, and the awaiter in it, outlive both.
class resuming_waiter : public waiter {
 public:
  resuming_waiter() noexcept : waiter(nullptr) {}

  /// await_suspend touches nothing after the op can run: it need not arrive.
  void resumes_alone(std::coroutine_handle<> handle) noexcept {
    handle_ = handle;
    run = [](op& self) noexcept { static_cast<resuming_waiter&>(self).handle_.resume(); };
  }
  /// await_suspend will return arrive().
  void resumes_as_second(std::coroutine_handle<> handle) noexcept {
    handle_ = handle;
    run = [](op& self) noexcept {
      auto& me = static_cast<resuming_waiter&>(self);
      if (me.is_second()) me.handle_.resume();
    };
  }

  /// What await_suspend has to return. False: the op was first, do not suspend.
  bool arrive() noexcept { return !is_second(); }

 private:
  // Acquire and release: each side sees what the other wrote before it arrived.
  bool is_second() noexcept { return arrived_.exchange(true, std::memory_order_acq_rel); }

  std::coroutine_handle<> handle_;
  std::atomic<bool> arrived_ = false;
};

/// Waits for `Source`, which it holds or refers to. Throws `cancelled` if the coroutine is asked to stop before the
/// source has notified it; what has been notified counts.
///
///     await_suspend: if it was asked to stop, or need not wait: go on; else register the waiter, register for stop
///                    requests, arrive
///     notified:      the waiter runs where the coroutine lives: arrives
///     stop request:  unregisters the waiter; if that succeeds, posts it itself
template <class Source>
class wait_awaiter {
 public:
  using native_awaiter = void;

  template <class... Args>
  explicit wait_awaiter(std::in_place_t, Args&&... args) : source_(std::forward<Args>(args)...) {}
  explicit wait_awaiter(Source source)
    requires std::is_reference_v<Source>
      : source_(source) {}
  wait_awaiter(const wait_awaiter&) = delete;
  wait_awaiter& operator=(const wait_awaiter&) = delete;

  // Always to await_suspend, which alone can see whether the coroutine was asked to stop: that comes first, so that a
  // loop of waits that need not wait ends too.
  bool await_ready() const noexcept { return false; }

  template <class Promise>
  bool await_suspend(std::coroutine_handle<Promise> handle) {
    return suspend(handle, environment_of(handle));
  }

  void await_resume() {
    on_stop_.reset();  // waits for a stop request that is under way in another thread
    if (stopped_) throw cancelled();
  }

 protected:
  std::remove_reference_t<Source>& source() noexcept { return source_; }

 private:
  struct leave {
    wait_awaiter& awaiter;
    void operator()() const noexcept {
      if (!awaiter.source_.unregister_waiter(awaiter.waiter_)) return;
      awaiter.stopped_ = true;
      awaiter.waiter_.notify();
    }
  };

  bool suspend(std::coroutine_handle<> handle, environment env) {
    if (env.stop.stop_requested()) {
      stopped_ = true;
      return false;
    }
    static_assert(wait_source<std::remove_reference_t<Source>>);
    if (source_.ready()) return false;
    waiter_.where = env.where;
    if (!env.stop.stop_possible()) {
      waiter_.resumes_alone(handle);
      return source_.register_waiter(waiter_);  // if so, the coroutine may be running elsewhere already
    }
    waiter_.resumes_as_second(handle);
    if (!source_.register_waiter(waiter_)) return false;
    on_stop_.emplace(env.stop, leave{*this});
    return waiter_.arrive();
  }

  Source source_;
  bool stopped_ = false;
  resuming_waiter waiter_;
  std::optional<stop_callback<leave>> on_stop_;
};

}  // namespace fanout::detail
