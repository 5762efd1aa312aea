// SPDX-License-Identifier: Apache-2.0
// gather: several tasks at the same time, all results together.
#pragma once

#include <array>
#include <coroutine>
#include <cstddef>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "fanout/detail/join.hpp"
#include "fanout/result.hpp"
#include "fanout/task.hpp"

namespace fanout {

/// Asks gather for every outcome, errors included.
struct return_exceptions_t {
  explicit return_exceptions_t() = default;
};
inline constexpr return_exceptions_t return_exceptions{};

namespace detail {

/// What stands for the result of a task among others.
template <class T>
using gathered_t = std::conditional_t<std::is_void_v<T>, std::monostate, stored_t<T>>;

/// The frame is done with, too: it goes while it is still in the cache.
template <class T>
gathered_t<T> take_gathered(task<T>& t) {
  const frame_owner<T> ended = task_access::take_ended(t);
  if constexpr (std::is_void_v<T>) {
    return {};
  } else {
    return ended.promise().value();
  }
}

/// The frames of tasks in a vector, and of some that were listed.
template <class T>
joined_frames frames_of(const std::vector<task<T>>& tasks) noexcept {
  return {tasks.data(), [](const void* all, std::size_t number) noexcept -> std::coroutine_handle<> {
            return task_access::frame(static_cast<const task<T>*>(all)[number]);
          }};
}
template <std::size_t N>
joined_frames frames_of(const std::array<std::coroutine_handle<>, N>& frames) noexcept {
  return {frames.data(), [](const void* all, std::size_t number) noexcept {
            return static_cast<const std::coroutine_handle<>*>(all)[number];
          }};
}

/// The frames are listed one by one on purpose: copied all at once, right after the tasks were moved here one by one,
/// they would have the processor wait until those stores have left it (no forwarding from two stores to one load).
template <class... T>
void add_each(join& all, std::array<std::coroutine_handle<>, sizeof...(T)>& frames, const task<T>&... tasks) {
  std::size_t number = 0;
  ((frames[number++] = all.add(tasks)), ...);
}

template <class T>
result<T> take_outcome(task<T>& t) {
  return task_access::take_ended(t).promise().outcome();
}

}  // namespace detail

/// Starts the tasks in their order, waits for all, and gives their results as a std::tuple (std::monostate for void).
/// The first error stops the others: gather waits for them and throws it. Throws fanout::error, before any begins, if
/// one of them is empty.
template <class... T>
task<std::tuple<detail::gathered_t<T>...>> gather(task<T>... tasks) {
  std::array<std::coroutine_handle<>, sizeof...(T)> frames;
  detail::join all(co_await detail::environment_awaiter{}, detail::on_error::stop_others, detail::frames_of(frames));
  detail::add_each(all, frames, tasks...);
  co_await all;
  co_return std::tuple<detail::gathered_t<T>...>{detail::take_gathered(tasks)...};
}

/// The same for any number of tasks of one type: a std::vector<T> in the order of the tasks, nothing for task<void>.
template <class T>
task<std::vector<detail::stored_t<T>>> gather(std::vector<task<T>> tasks)
  requires(!std::is_void_v<T>)
{
  detail::join all(co_await detail::environment_awaiter{}, detail::on_error::stop_others, detail::frames_of(tasks));
  for (auto& t : tasks) all.add(t);
  co_await all;
  std::vector<detail::stored_t<T>> results;
  results.reserve(tasks.size());
  for (auto& t : tasks) results.push_back(detail::take_gathered(t));
  co_return results;
}

inline task<void> gather(std::vector<task<void>> tasks) {
  detail::join all(co_await detail::environment_awaiter{}, detail::on_error::stop_others, detail::frames_of(tasks));
  for (auto& t : tasks) all.add(t);
  co_await all;
}

/// With return_exceptions: every task runs to its end, and each outcome is a result<T>. Throws nothing of theirs.
template <class... T>
task<std::tuple<result<T>...>> gather(return_exceptions_t, task<T>... tasks) {
  std::array<std::coroutine_handle<>, sizeof...(T)> frames;
  detail::join all(co_await detail::environment_awaiter{}, detail::on_error::go_on, detail::frames_of(frames));
  detail::add_each(all, frames, tasks...);
  co_await all;
  co_return std::tuple<result<T>...>{detail::take_outcome(tasks)...};
}

template <class T>
task<std::vector<result<T>>> gather(return_exceptions_t, std::vector<task<T>> tasks) {
  detail::join all(co_await detail::environment_awaiter{}, detail::on_error::go_on, detail::frames_of(tasks));
  for (auto& t : tasks) all.add(t);
  co_await all;
  std::vector<result<T>> outcomes;
  outcomes.reserve(tasks.size());
  for (auto& t : tasks) outcomes.push_back(detail::take_outcome(t));
  co_return outcomes;
}

template <class... F>
  requires(detail::returns_task<F> || ...)
void gather(F&&...) = FANOUT_DELETED(FANOUT_CALL_IT);

}  // namespace fanout
