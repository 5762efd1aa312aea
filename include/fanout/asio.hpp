// SPDX-License-Identifier: Apache-2.0
// use_task: every asynchronous operation of Boost.Asio, and of what is built on it, as a task. Not in fanout.hpp,
// because Asio takes two seconds to compile.
#pragma once

#include <boost/asio/async_result.hpp>
#include <boost/asio/io_context.hpp>

#include <type_traits>
#include <utility>

#include "fanout/detail/asio_operation.hpp"
#include "fanout/event_loop.hpp"
#include "fanout/task.hpp"

namespace fanout {

/// The completion token that makes an operation a task:
///
///     const std::size_t n = co_await socket.async_read_some(buffer, fanout::use_task);
///
/// A handler of `void(error_code, T)` makes it a task<T>; an error is thrown as boost::system::system_error (with
/// `asio::as_tuple(use_task)` it is returned instead). The operation begins when the task is awaited, on an event_loop,
/// whose context() its object must have been made with: fanout::error if not.
///
/// A stop request cancels it (with cancellation_type::terminal), and `cancelled` is thrown once it has ended by that
/// (with redirect_error nothing is: the variable says operation_aborted). An operation that Asio cannot cancel, such as
/// a name lookup, is waited for. Its object must live until it has ended: what cancels it refers to the object (to end
/// it early, close() that). What Asio keeps meanwhile comes from the pool of the coroutine frames.
struct use_task_t {
  /// The type of an object of Asio's whose operations return tasks unasked: use_task_t::as_default_on_t<tcp::socket>.
  template <class Executor>
  struct executor_with_default : Executor {
    using default_completion_token_type = use_task_t;
    executor_with_default(const Executor& executor) noexcept : Executor(executor) {}
    template <class Other>
      requires(!std::is_same_v<Other, executor_with_default> && std::is_convertible_v<const Other&, Executor>)
    executor_with_default(const Other& other) noexcept : Executor(other) {}
  };
  template <class Object>
  using as_default_on_t =
      typename Object::template rebind_executor<executor_with_default<typename Object::executor_type>>::other;
};
inline constexpr use_task_t use_task{};

namespace this_task {

/// `co_await this_task::get_io_context()`: that of the event_loop this task runs on, to make Asio's objects with.
/// Throws fanout::error if it runs on something else.
inline auto get_io_context() noexcept {
  struct awaiter : detail::environment_awaiter {
    boost::asio::io_context& await_resume() const { return detail::loop_of(env, "get_io_context").context(); }
  };
  return awaiter{};
}

}  // namespace this_task

}  // namespace fanout

/// How Asio makes the result of an operation that was given the token.
template <class... Args>
class boost::asio::async_result<fanout::use_task_t, void(Args...)> {
  using value = fanout::detail::asio_value<std::decay_t<Args>...>;

 public:
  using return_type = fanout::task<typename value::type>;

  // The arguments are kept in the frame; the operation begins when the task does.
  template <class Initiation, class... InitArgs>
  static return_type initiate(Initiation initiation, fanout::use_task_t, InitArgs... args) {
    auto start = [&](auto handler) { std::move(initiation)(std::move(handler), std::move(args)...); };
    co_return co_await fanout::detail::asio_operation<decltype(start), std::decay_t<Args>...>(
        start, fanout::detail::io_context_of(initiation));
  }
};
