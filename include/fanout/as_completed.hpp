// SPDX-License-Identifier: Apache-2.0
// as_completed: futures, or tasks, in the order in which they finish.
#pragma once

#include <cstddef>
#include <iterator>
#include <optional>
#include <utility>
#include <vector>

#include "fanout/detail/arrivals.hpp"
#include "fanout/detail/future_set.hpp"
#include "fanout/detail/wait_awaiter.hpp"
#include "fanout/future.hpp"
#include "fanout/gather.hpp"
#include "fanout/spawn.hpp"
#include "fanout/task.hpp"

namespace fanout {

/// A range over futures, each as soon as it is ready; passed over once. They may be fulfilled by whoever, mixed.
/// Whoever stops early gives the rest up: their tasks go on. One thread or coroutine at a time.
///
///     for (auto&& done : fanout::as_completed(std::move(futures))) use(done.get());
///     while (auto done = co_await range.next()) use(done->get());
template <class T>
class [[nodiscard]] completed_range {
 public:
  class iterator;

  /// Throws fanout::error if one of the futures is empty.
  explicit completed_range(std::vector<future<T>> futures) : left_(futures.size()), futures_(std::move(futures)) {}
  /// Leaves `other` at its end.
  completed_range(completed_range&& other) noexcept
      : left_(std::exchange(other.left_, 0)), futures_(std::move(other.futures_)) {}
  completed_range& operator=(completed_range&&) = delete;

  /// For threads: blocks for the first one. A worker of a pool that owes some of them runs those meanwhile.
  /// Throws fanout::error on the thread of an event loop that owes one of them: use next() there.
  iterator begin() { return iterator(*this); }
  std::default_sentinel_t end() const noexcept { return {}; }

  /// For coroutines: `co_await range.next()` is an std::optional<future<T>>, empty at the end of the range. Throws
  /// `cancelled` if the coroutine is asked to stop.
  auto next() noexcept { return awaiter(*this); }

 private:
  class awaiter : public detail::wait_awaiter<detail::arrivals&> {
   public:
    explicit awaiter(completed_range& r) noexcept
        : detail::wait_awaiter<detail::arrivals&>(r.futures_.arrivals()), range_(r) {}
    bool await_ready() const noexcept { return range_.left_ == 0; }
    std::optional<future<T>> await_resume() {
      if (range_.left_ == 0) return std::nullopt;
      detail::wait_awaiter<detail::arrivals&>::await_resume();
      return range_.take();
    }

   private:
    completed_range& range_;
  };

  future<T> take() {
    --left_;
    return futures_.take();
  }

  future<T> wait_and_take() {
    detail::wait_for(futures_.arrivals(), futures_);
    return take();
  }

  std::size_t left_;
  detail::future_set<T> futures_;
};

/// An input iterator; each future is moved out of it.
template <class T>
class completed_range<T>::iterator {
 public:
  using value_type = future<T>;
  using difference_type = std::ptrdiff_t;

  future<T>&& operator*() const noexcept { return std::move(*current_); }
  iterator& operator++() {
    advance();
    return *this;
  }
  void operator++(int) { advance(); }
  friend bool operator==(const iterator& it, std::default_sentinel_t) noexcept { return !it.current_; }

 private:
  friend class completed_range;
  explicit iterator(completed_range& range) : range_(&range) { advance(); }

  void advance() {
    current_.reset();
    if (range_->left_ > 0) current_.emplace(range_->wait_and_take());
  }

  completed_range* range_;
  mutable std::optional<future<T>> current_;
};

/// Takes the futures over. Throws fanout::error if one of them is empty.
template <class T>
completed_range<T> as_completed(std::vector<future<T>> futures) {
  return completed_range<T>(std::move(futures));
}

/// The results of tasks, each as soon as it is there. The tasks begin with the first next(), on the executor of the
/// coroutine that calls it. One coroutine at a time.
///
/// A range that is destroyed before its end asks the others to stop, but cannot wait for them; run() does. Until then
/// they may outlive the coroutine that made them: give them copies, or take the range to its end.
///
///     auto done = fanout::as_completed(std::move(tasks));
///     while (auto next = co_await done.next()) use(*next);
template <class T>
class [[nodiscard]] completed_tasks {
 public:
  explicit completed_tasks(std::vector<task<T>> tasks) : tasks_(std::move(tasks)) {}
  /// Leaves `other` at its end.
  completed_tasks(completed_tasks&& other) noexcept
      : tasks_(std::move(other.tasks_)),
        futures_(std::exchange(other.futures_, std::nullopt)),
        left_(std::exchange(other.left_, 0)) {
    other.tasks_.clear();
  }
  completed_tasks& operator=(completed_tasks&&) = delete;
  ~completed_tasks() {
    if (futures_) futures_->cancel_rest();
  }

  /// `co_await next()` is an std::optional of the result (std::monostate for void), empty at the end. Throws what the
  /// task threw, and goes on with the next one after that. Throws `cancelled` if the coroutine is asked to stop.
  task<std::optional<detail::gathered_t<T>>> next() {
    if (!futures_) start();
    if (left_ == 0) co_return std::nullopt;
    co_await detail::wait_awaiter<detail::arrivals&>(futures_->arrivals());
    --left_;
    future<T> done = futures_->take();
    if constexpr (std::is_void_v<T>) {
      done.get();
      co_return std::monostate();
    } else {
      co_return done.get();
    }
  }

 private:
  void start() {
    std::vector<future<T>> started;
    started.reserve(tasks_.size());
    for (auto& t : tasks_) detail::task_access::unstarted(t);  // none is empty: all begin, or none
    for (auto& t : tasks_) started.push_back(spawn(std::move(t)));
    left_ = started.size();
    futures_.emplace(std::move(started));
  }

  std::vector<task<T>> tasks_;
  std::optional<detail::future_set<T>> futures_;
  std::size_t left_ = 0;
};

/// asyncio.as_completed: takes the tasks over.
template <class T>
completed_tasks<T> as_completed(std::vector<task<T>> tasks) {
  return completed_tasks<T>(std::move(tasks));
}

}  // namespace fanout
