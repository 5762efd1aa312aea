// SPDX-License-Identifier: Apache-2.0
// The promise of a task: what is in its frame besides its own variables. Part of task.hpp.
#pragma once

#include <coroutine>
#include <cstdint>
#include <exception>
#include <memory>
#include <type_traits>
#include <utility>

#include "fanout/detail/compiler.hpp"
#include "fanout/detail/environment.hpp"
#include "fanout/detail/frame_pool.hpp"
#include "fanout/executor.hpp"
#include "fanout/result.hpp"

namespace fanout {

template <class T>
class task;
template <class T>
class future;

namespace detail {

struct task_promise_base;

template <class T>
inline constexpr bool is_task = false;
template <class T>
inline constexpr bool is_task<task<T>> = true;

template <class T>
inline constexpr bool is_future = false;
template <class T>
inline constexpr bool is_future<future<T>> = true;

template <class Awaitable>
decltype(auto) awaiter_of(Awaitable&& awaitable) {
  if constexpr (requires { std::forward<Awaitable>(awaitable).operator co_await(); }) {
    return std::forward<Awaitable>(awaitable).operator co_await();
  } else if constexpr (requires { operator co_await(std::forward<Awaitable>(awaitable)); }) {
    return operator co_await(std::forward<Awaitable>(awaitable));
  } else {
    return std::forward<Awaitable>(awaitable);
  }
}

/// What resumes a coroutine on its executor by itself: it, or its awaiter, has a member type of this name.
template <class A>
concept native_awaitable = is_task<std::remove_cvref_t<A>> || is_future<std::remove_cvref_t<A>> || requires {
  typename std::remove_cvref_t<A>::native_awaiter;
} || requires { typename std::remove_cvref_t<decltype(awaiter_of(std::declval<A>()))>::native_awaiter; };
template <class Awaitable>
class foreign_awaiter;

FANOUT_UNCOMMON void drop_error(std::exception_ptr& error) noexcept;

/// Told of the end of a task, by the task's last suspension: says which coroutine to go on with.
struct continuation {
  using next_fn = std::coroutine_handle<> (*)(continuation&, task_promise_base&) noexcept;
  explicit continuation(next_fn f) noexcept : next(f) {}
  const next_fn next;
};

/// An op in itself, so that starting a task on a scheduler allocates nothing. Its frame comes from the pool.
///
///     made ──awaited, or started by gather, spawn, run──▶ runs ⇄ suspended ──▶ ended: error, or the value
///
/// The frame belongs to the task<T>, then to whoever starts it, and is destroyed by nobody else.
struct task_promise_base : op, pooled_frame {
  explicit task_promise_base(run_fn f) noexcept : op(f), error(nullptr) {}
  task_promise_base(const task_promise_base&) = delete;
  ~task_promise_base() {
    if (error != nullptr) [[unlikely]]
      drop_error(error);
  }

  struct final_awaiter {
    bool await_ready() const noexcept { return false; }
    template <class Promise>
    std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> self) const noexcept {
      auto& promise = self.promise();
      return promise.then_.next(promise);
    }
    void await_resume() const noexcept {}
  };

  /// What is not fanout's may resume a coroutine anywhere: it is brought back.
  template <class Awaitable>
  decltype(auto) await_transform(Awaitable&& awaitable) noexcept(native_awaitable<Awaitable>) {
    if constexpr (native_awaitable<Awaitable>) {
      return std::forward<Awaitable>(awaitable);
    } else {
      return foreign_awaiter<Awaitable>(std::forward<Awaitable>(awaitable));
    }
  }

  /// What a task knows about itself: no point at which it could be suspended, so no state to be saved for it.
  struct known_environment {
    environment env;
    constexpr bool await_ready() const noexcept { return true; }
    void await_suspend(std::coroutine_handle<>) const noexcept {}
    environment await_resume() const noexcept { return env; }
  };
  known_environment await_transform(environment_awaiter) const noexcept { return {env}; }

  std::suspend_always initial_suspend() const noexcept { return {}; }
  final_awaiter final_suspend() const noexcept { return {}; }
  void unhandled_exception() noexcept { error = std::current_exception(); }

  /// What comes after its end: a coroutine that goes on, or a continuation that is told.
  class follower {
   public:
    follower() noexcept = default;
    explicit follower(std::coroutine_handle<> parent) noexcept
        : word_(reinterpret_cast<std::uintptr_t>(parent.address())) {}
    explicit follower(continuation& end) noexcept : word_(reinterpret_cast<std::uintptr_t>(&end) | tells) {}

    explicit operator bool() const noexcept { return word_ != 0; }
    /// Null if it is a coroutine.
    continuation* told() const noexcept {
      return (word_ & tells) != 0 ? reinterpret_cast<continuation*>(word_ & ~tells) : nullptr;
    }
    std::coroutine_handle<> next(task_promise_base& ended) const noexcept {
      if (continuation* const end = told()) return end->next(*end, ended);
      return std::coroutine_handle<>::from_address(reinterpret_cast<void*>(word_));
    }

   private:
    // The address of either, the continuation's with this bit set. (Frames are aligned as operator new aligns.)
    static constexpr std::uintptr_t tells = 1;
    static_assert(alignof(continuation) > tells);
    std::uintptr_t word_ = 0;
  };

  bool started() const noexcept { return static_cast<bool>(then_); }

  /// Goes on with `parent` when this task has ended.
  void resume_after(std::coroutine_handle<> parent) noexcept { then_ = follower(parent); }
  /// Tells `end` when this task has ended.
  void tell(continuation& end) noexcept { then_ = follower(end); }
  const follower& then() const noexcept { return then_; }
  /// As tell(), and returns who was to be told before.
  follower tell_instead(continuation& end) noexcept { return std::exchange(then_, follower(end)); }

  environment env;
  union {  // destroyed by hand, out of line: hardly ever is there one
    std::exception_ptr error;
  };

 private:
  follower then_;  // none: it has not been started
};

/// The value, in place; a reference as its address.
template <class T>
struct task_value : task_promise_base {
  static_assert(!std::is_rvalue_reference_v<T>, "fanout: a task returns a value or an lvalue reference, not a T&&");
  static_assert(
      alignof(stored_t<T>) <= __STDCPP_DEFAULT_NEW_ALIGNMENT__,
      "fanout: a coroutine frame has no more alignment than operator new gives: return a std::unique_ptr to a "
      "type that needs more");

  explicit task_value(run_fn f) noexcept : task_promise_base(f) {}
  task_value(const task_value&) = delete;
  ~task_value() {
    if (has_value_) std::destroy_at(&value_);
  }

  template <class U = T>
    requires std::convertible_to<U&&, T>
  void return_value(U&& value) {
    if constexpr (std::is_reference_v<T>) {
      static_assert(std::is_lvalue_reference_v<U&&> &&
                        std::is_convertible_v<std::remove_reference_t<U>*, std::remove_reference_t<T>*>,
                    "fanout: this task returns a reference, and would return one to a temporary: return an object that "
                    "lives on, or make it a task of a value");
      std::construct_at(&value_, static_cast<T>(value));
    } else {
      std::construct_at(&value_, std::forward<U>(value));
    }
    has_value_ = true;
  }

  /// Once it has ended, without an error.
  stored_t<T>&& value() noexcept { return std::move(value_); }

 private:
  union {
    stored_t<T> value_;
  };
  bool has_value_ = false;
};

template <>
struct task_value<void> : task_promise_base {
  explicit task_value(run_fn f) noexcept : task_promise_base(f) {}
  void return_void() noexcept {}
};

template <class T>
struct task_promise final : task_value<T> {
  using value_type = T;

  task_promise() noexcept
      : task_value<T>([](op& self) noexcept { static_cast<task_promise&>(self).frame().resume(); }) {}
  task<T> get_return_object() noexcept;
  std::coroutine_handle<task_promise> frame() noexcept {
    return std::coroutine_handle<task_promise>::from_promise(*this);
  }

  /// The value, moved out, or the error thrown; once it has ended.
  T unwrap() {
    if (this->error != nullptr) [[unlikely]]
      std::rethrow_exception(std::move(this->error));
    if constexpr (std::is_reference_v<T>) {
      return this->value().get();
    } else if constexpr (!std::is_void_v<T>) {
      return this->value();
    }
  }

  /// The same as a result. If moving the value out throws, that error is the outcome.
  result<T> outcome() noexcept {
    if (this->error != nullptr) return std::unexpected(std::move(this->error));
    if constexpr (std::is_void_v<T>) {
      return {};
    } else {
      try {
        return result<T>(std::in_place, this->value());
      } catch (...) {
        return std::unexpected(std::current_exception());
      }
    }
  }
};

/// A coroutine frame and the duty to destroy it.
template <class T>
class frame_owner {
 public:
  explicit frame_owner(std::coroutine_handle<task_promise<T>> frame) noexcept : frame_(frame) {}
  frame_owner(frame_owner&& other) noexcept : frame_(std::exchange(other.frame_, nullptr)) {}
  frame_owner& operator=(frame_owner&& other) noexcept {
    std::swap(frame_, other.frame_);
    return *this;
  }
  ~frame_owner() {
    if (frame_) frame_.destroy();
  }

  explicit operator bool() const noexcept { return static_cast<bool>(frame_); }
  task_promise<T>& promise() const noexcept { return frame_.promise(); }
  std::coroutine_handle<task_promise<T>> frame() const noexcept { return frame_; }
  void reset() noexcept {
    if (frame_) std::exchange(frame_, nullptr).destroy();
  }

 private:
  std::coroutine_handle<task_promise<T>> frame_;
};

/// Starts the task in place of the coroutine that awaits it, which goes on when the task has ended. The frame stays
/// with the task<T>: in here, behind await_suspend, the compiler would lose sight of it, and could not inline its end.
template <class T>
class task_awaiter {
 public:
  explicit task_awaiter(task_promise<T>& promise) noexcept : promise_(promise) {}

  bool await_ready() const noexcept { return false; }

  template <class Promise>
  std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> parent) noexcept {
    promise_.env = environment_of(parent);
    promise_.resume_after(parent);
    return promise_.frame();
  }

  T await_resume() { return promise_.unwrap(); }

 private:
  task_promise<T>& promise_;
};

}  // namespace detail

}  // namespace fanout
