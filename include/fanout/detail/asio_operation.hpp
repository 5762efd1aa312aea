// SPDX-License-Identifier: Apache-2.0
// How a coroutine waits for an operation of Asio's, and how a stop request gets it out again. Part of asio.hpp.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/system/system_error.hpp>

#include <atomic>
#include <concepts>
#include <coroutine>
#include <exception>
#include <optional>
#include <tuple>
#include <type_traits>
#include <utility>

#include "fanout/detail/asio_memory.hpp"
#include "fanout/detail/environment.hpp"
#include "fanout/errors.hpp"
#include "fanout/event_loop.hpp"
#include "fanout/executor.hpp"
#include "fanout/stop.hpp"

namespace fanout::detail {

/// The loop that the coroutine runs on. Throws fanout::error, naming `what` it wanted to do, if it runs on something
/// else.
event_loop& loop_of(const environment& env, const char* what);

[[noreturn]] void throw_other_context();
[[noreturn]] void throw_abandoned();

/// The part of an operation that does not depend on its type: an op that runs on the loop, once if a stop was requested
/// while it was under way, to have it cancelled, and once to resume the coroutine.
///
///                  completed()
///      under way ─────────────▶ done: posted ─────────▶ resumes
///       ▲     │ stop request: posted                       ▲
///       │     ▼       completed()                          │
///       │   asked ──────────────▶ asked and done ──────────┘ the op that was to cancel, at once or by way of the
///       └─────┘ the op runs: has the context call cancel()   context
///
/// completed() is called once, by whoever Asio lets call the handler or drop it, most often the loop. From then on
/// there are no stop requests: it waits for one that is under way in another thread.
///
/// It is cancelled by a handler, inside of the context: Asio's coroutines (Boost 1.81) dispatch what they are to do
/// then, and if that was not at once they would do it when they may be gone.
class asio_operation_base : private op {
 public:
  using native_awaiter = void;

  asio_operation_base(const asio_operation_base&) = delete;
  asio_operation_base& operator=(const asio_operation_base&) = delete;

  boost::asio::io_context::executor_type executor() const noexcept { return context_->get_executor(); }
  cancellation_slot slot() noexcept { return stop_.stop_possible() ? cancellation_slot(hook_) : cancellation_slot(); }

  /// The handler is gone, called or not.
  void completed() noexcept {
    on_stop_.reset();
    // Release: the loop sees the result. Acquire: pairs with cancel(), whose thread touches nothing afterwards.
    if ((state_.fetch_or(done, std::memory_order_acq_rel) & asked) == 0) loop_->post(*this);
  }

 protected:
  explicit asio_operation_base() noexcept : op(&go_on) {}
  ~asio_operation_base() = default;

  /// False: it was asked to stop already, and must not begin.
  bool prepare(std::coroutine_handle<> handle, const environment& env) {
    loop_ = &loop_of(env, "use_task");
    context_ = &loop_->context();
    stop_ = env.stop;
    handle_ = handle;
    if (stop_.stop_requested()) return false;
    if (stop_.stop_possible()) on_stop_.emplace(stop_, ask{*this});
    return true;
  }

  const boost::asio::io_context& context() const noexcept { return *context_; }
  bool stop_requested() const noexcept { return stop_.stop_requested(); }

 private:
  static constexpr unsigned char asked = 1, done = 2;

  struct ask {
    asio_operation_base& operation;
    void operator()() const noexcept {
      operation.state_.store(asked, std::memory_order_relaxed);  // it cannot be done yet; post() publishes
      operation.loop_->post(operation);
    }
  };

  static void go_on(op& self) noexcept {
    auto& me = static_cast<asio_operation_base&>(self);
    if ((me.state_.load(std::memory_order_acquire) & done) != 0) {
      me.handle_.resume();
    } else {
      me.cancel_in_context();
    }
  }

  void cancel_in_context() noexcept;
  void cancel() noexcept {
    const auto seen = state_.fetch_and(static_cast<unsigned char>(~asked), std::memory_order_acq_rel);
    if ((seen & done) != 0) {
      loop_->post(*this);
    } else {
      hook_.emit();
    }
  }

  event_loop* loop_ = nullptr;
  boost::asio::io_context* context_ = nullptr;  // the loop's
  std::coroutine_handle<> handle_;
  stop_token stop_;
  std::atomic<unsigned char> state_ = 0;
  std::optional<stop_callback<ask>> on_stop_;
  cancellation_hook hook_;
};

/// What Asio calls when the operation is over. Dropped without a call, it says so: nobody waits for ever.
template <class Operation>
class asio_handler {
 public:
  using executor_type = boost::asio::io_context::executor_type;
  using allocator_type = operation_allocator<>;
  using cancellation_slot_type = cancellation_slot;

  explicit asio_handler(Operation& operation) noexcept : operation_(&operation) {}
  asio_handler(asio_handler&& other) noexcept : operation_(std::exchange(other.operation_, nullptr)) {}
  asio_handler& operator=(asio_handler&&) = delete;
  ~asio_handler() {
    if (operation_ != nullptr) operation_->completed();
  }

  executor_type get_executor() const noexcept { return operation_->executor(); }
  allocator_type get_allocator() const noexcept { return {}; }
  cancellation_slot_type get_cancellation_slot() const noexcept { return operation_->slot(); }

  template <class... Args>
  void operator()(Args&&... args) noexcept {
    Operation& operation = *std::exchange(operation_, nullptr);
    operation.set_result(std::forward<Args>(args)...);
    operation.completed();
  }

 private:
  Operation* operation_;
};

template <class T>
inline constexpr bool is_error = false;
template <>
inline constexpr bool is_error<boost::system::error_code> = true;
template <>
inline constexpr bool is_error<std::exception_ptr> = true;

inline void throw_if(const boost::system::error_code& error) {
  if (error) throw boost::system::system_error(error);
}
inline void throw_if(const std::exception_ptr& error) {
  if (error) std::rethrow_exception(error);
}

/// What a coroutine gets of what a handler gets: an error is thrown; of the rest, nothing, the one, or a tuple.
template <class... Args>
struct asio_value {
  using type = std::tuple<Args...>;
  static type of(std::tuple<Args...>&& args) { return std::move(args); }
};
template <>
struct asio_value<> {
  using type = void;
  static void of(std::tuple<>&&) noexcept {}
};
template <class T>
struct asio_value<T> {
  using type = T;
  static T of(std::tuple<T>&& args) { return std::get<0>(std::move(args)); }
};
template <class Error, class... Args>
  requires is_error<Error>
struct asio_value<Error, Args...> : asio_value<Args...> {
  static auto of(std::tuple<Error, Args...>&& args) {
    return std::apply(
        [](Error&& error, Args&&... rest) {
          throw_if(error);
          return asio_value<Args...>::of(std::tuple<Args...>(std::move(rest)...));
        },
        std::move(args));
  }
};
template <class Error>
  requires is_error<Error>
struct asio_value<Error> : asio_value<> {
  static void of(std::tuple<Error>&& args) { throw_if(std::get<0>(args)); }
};

/// Did the operation end because it was cancelled?
template <class T>
bool says_aborted(const T&) noexcept {
  return false;
}
inline bool says_aborted(const boost::system::error_code& error) noexcept {
  return error == boost::asio::error::operation_aborted;
}
inline bool says_aborted(const std::exception_ptr& error) noexcept {
  try {
    throw_if(error);
    return false;
  } catch (const boost::system::system_error& e) {
    return says_aborted(e.code());
  } catch (...) {
    return false;
  }
}
template <class First, class... Rest>
bool says_aborted(const std::tuple<First, Rest...>& args) noexcept {  // as_tuple's are nested
  return says_aborted(std::get<0>(args));
}

/// Awaits the operation that `start(handler)` starts, and that calls its handler with `Args`.
template <class Start, class... Args>
class asio_operation final : public asio_operation_base {
 public:
  /// `made_with`: the context of the operation's object, if that is known and an io_context.
  asio_operation(Start& start, const boost::asio::io_context* made_with) noexcept
      : start_(start), made_with_(made_with) {}

  bool await_ready() const noexcept { return false; }

  template <class Promise>
  bool await_suspend(std::coroutine_handle<Promise> handle) {
    if (!prepare(handle, environment_of(handle))) return false;
    asio_handler<asio_operation> handler(*this);
    try {
      if (made_with_ != nullptr && made_with_ != &context()) throw_other_context();
      start_(std::move(handler));
    } catch (...) {
      error_ = std::current_exception();  // the handler, as it is dropped, makes the coroutine go on
    }
    return true;
  }

  auto await_resume() {
    if (error_) std::rethrow_exception(std::move(error_));
    if (stop_requested() && (!result_ || says_aborted(*result_))) throw cancelled();
    if (!result_) throw_abandoned();
    return asio_value<Args...>::of(std::move(*result_));
  }

  template <class... Results>
  void set_result(Results&&... results) noexcept {
    result_.emplace(std::forward<Results>(results)...);
  }

 private:
  Start& start_;
  const boost::asio::io_context* const made_with_;
  std::exception_ptr error_;
  std::optional<std::tuple<Args...>> result_;
};

/// The io_context that an initiation says it belongs to; null if it does not say, or belongs to something else.
template <class Initiation>
const boost::asio::io_context* io_context_of(const Initiation& initiation) noexcept {
  using loops_executor = boost::asio::io_context::executor_type;
  const auto& executor = boost::asio::get_associated_executor(initiation);
  using type = std::remove_cvref_t<decltype(executor)>;
  if constexpr (std::derived_from<type, loops_executor>) {
    return &executor.context();
  } else if constexpr (std::derived_from<type, boost::asio::any_io_executor>) {
    const auto* const found = executor.template target<loops_executor>();
    return found != nullptr ? &found->context() : nullptr;
  } else {
    return nullptr;
  }
}

}  // namespace fanout::detail
