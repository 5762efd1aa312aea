// SPDX-License-Identifier: Apache-2.0
// as_completed: futures in the order in which they finish, for threads and for coroutines.
#pragma once

#include <coroutine>
#include <cstddef>
#include <iterator>
#include <optional>
#include <utility>
#include <vector>

#include "fanout/detail/finish_line.hpp"
#include "fanout/future.hpp"

namespace fanout {

/// A range over futures, each as soon as it is ready; passed over once. Whoever stops early gives the rest up: their
/// tasks go on. One thread or coroutine at a time.
///
///     for (auto&& done : fanout::as_completed(std::move(futures))) use(done.get());
///     while (auto done = co_await range.next()) use(done->get());
template <class T>
class [[nodiscard]] completed_range {
 public:
  class iterator;

  /// Throws fanout::error if one of the futures is empty.
  explicit completed_range(std::vector<future<T>> futures)
      : futures_(std::move(futures)), left_(futures_.size()), line_(new detail::finish_line(futures_.size())) {
    for (std::size_t i = 0; i < futures_.size(); ++i) {
      auto& state = detail::future_access::state(futures_[i]);
      if (state.home() != nullptr) home_ = state.home();
      line_->watch(i, state.event());
    }
  }
  completed_range(completed_range&&) noexcept = default;
  completed_range& operator=(completed_range&&) = delete;
  ~completed_range() {
    if (line_) line_->call_back();
  }

  /// For threads: blocks for the first one. A worker of the pool that owes the results runs other tasks meanwhile.
  iterator begin() { return iterator(*this); }
  std::default_sentinel_t end() const noexcept { return {}; }

  /// For coroutines: `co_await range.next()` is an std::optional<future<T>>, empty at the end of the range.
  auto next() { return awaiter(*this); }

 private:
  class awaiter : public detail::completion_awaiter {
   public:
    explicit awaiter(completed_range& r) noexcept : completion_awaiter(r.line_->next()), range_(r) {}
    bool await_ready() const noexcept { return range_.left_ == 0 || completion_awaiter::await_ready(); }
    std::optional<future<T>> await_resume() {
      if (range_.left_ == 0) return std::nullopt;
      completion_awaiter::await_resume();
      return range_.take();
    }

   private:
    completed_range& range_;
  };

  future<T> take() {
    --left_;
    return std::move(futures_[line_->take()]);
  }

  future<T> wait_and_take() {
    detail::wait_for(line_->next(), home_);
    return take();
  }

  std::vector<future<T>> futures_;
  std::size_t left_;
  detail::state_ptr<detail::finish_line> line_;
  const scheduler* home_ = nullptr;
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

}  // namespace fanout
