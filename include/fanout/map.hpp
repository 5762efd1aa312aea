// SPDX-License-Identifier: Apache-2.0
// mapped<R>: the results of pool.map(f, inputs), together or one by one.
#pragma once

#include <cstddef>
#include <iterator>
#include <optional>
#include <utility>

#include "fanout/detail/blocking.hpp"
#include "fanout/detail/give_way.hpp"
#include "fanout/detail/map_state.hpp"
#include "fanout/detail/wait_awaiter.hpp"
#include "fanout/duration.hpp"
#include "fanout/errors.hpp"
#include "fanout/result.hpp"
#include "fanout/task.hpp"

namespace fanout {

/// docs/map.md says more about each.
struct map_options {
  /// Inputs handed to a worker at a time, if there are so many; 0: adapts to how long they take.
  std::size_t chunk = 0;
  /// Inputs in flight at most: from when one is pulled until results() has given its result, or, where results are
  /// taken together, until it has ended. 0: chosen for inputs that are pulled, none for a range that is there.
  std::size_t window = 0;
  /// An item that takes longer is timed_out; 0: as long as it takes. In a process its worker is killed; in a thread it
  /// is asked to stop by its stop_token, which the function must take, and counts as timed_out if it does.
  duration item_timeout{};
  /// false: results() gives items in the order in which they end. (get() and co_await keep the order of the inputs.)
  bool ordered = true;
};

/// A lazy range of result<R>: each item as soon as it, and if they are ordered all before it, are there. Passed over
/// once, by one thread or coroutine at a time. What is left when it is destroyed is not looked at any more: of inputs
/// that are there all are still run; of inputs that are pulled no more are, and those that have not begun will not. (It
/// waits for a pull that is under way, so the range may go then.)
///
///     for (auto&& item : map.results()) use(item.value());
///     auto items = map.results();
///     while (auto item = co_await items.next()) use(item->value());
template <class R>
class [[nodiscard]] mapped_results {
 public:
  class iterator;

  explicit mapped_results(detail::state_ptr<detail::map_state<R>> state) noexcept : state_(std::move(state)) {
    state_->take_as(detail::taken_as::each);
  }
  mapped_results(mapped_results&&) noexcept = default;
  mapped_results& operator=(mapped_results&&) = delete;
  ~mapped_results() {
    if (state_) state_->take_as(detail::taken_as::nobody);
  }

  /// For threads. To look at an item, and to ask whether there is one, blocks until it is there; a worker of the pool
  /// that owes the results takes part meanwhile.
  iterator begin() noexcept { return iterator(*this); }
  std::default_sentinel_t end() const noexcept { return {}; }

  /// For coroutines: an std::optional<result<R>>, empty at the end. Throws `cancelled` if the coroutine is asked to
  /// stop. Now and then lets others run also if the item is there: so a loop over results holds up neither timers nor
  /// I/O for long.
  task<std::optional<result<R>>> next() {
    if ((co_await this_task::get_stop_token()).stop_requested()) throw cancelled();  // so a loop that never waits ends
    if (state_->ready() && ++were_there_ % most_in_a_row == 0) co_await detail::give_way_awaiter();
    while (!state_->ready()) co_await detail::wait_awaiter<detail::map_state<R>&>(*state_);
    co_return state_->next();
  }

 private:
  std::optional<result<R>> wait_and_take() {
    while (!state_->ready()) detail::wait_for(*state_, *state_);
    return state_->next();
  }

  /// An item took 35 ns on a loop and 40 on a thread pool, where to give way is to move to another worker: with each
  /// 45 and 110, with one in 16 40 and 57 (medians, 1 M short items, two workers).
  static constexpr unsigned most_in_a_row = 16;

  detail::state_ptr<detail::map_state<R>> state_;
  unsigned were_there_ = 0;  // results that next() need not have waited for
};

/// An input iterator; each result is moved out of it.
template <class R>
class mapped_results<R>::iterator {
 public:
  using value_type = result<R>;
  using difference_type = std::ptrdiff_t;

  result<R>&& operator*() const {
    look();
    return *std::move(current_);
  }
  iterator& operator++() {
    look();
    has_looked_ = false;
    return *this;
  }
  void operator++(int) { ++*this; }
  friend bool operator==(const iterator& it, std::default_sentinel_t) {
    it.look();
    return !it.current_;
  }

 private:
  friend class mapped_results;
  explicit iterator(mapped_results& range) noexcept : range_(&range) {}

  void look() const {
    if (has_looked_) return;
    current_.reset();
    if (auto next = range_->wait_and_take()) current_.emplace(*std::move(next));
    has_looked_ = true;
  }

  mapped_results* range_;
  mutable bool has_looked_ = false;
  mutable std::optional<result<R>> current_;  // none at the end
};

/// What pool.map returns. It is taken once: by get(), results() or co_await. Destroying it detaches: the work goes on;
/// but of inputs that are pulled no more are, since there might be no end to that.
template <class R>
class [[nodiscard]] mapped {
 public:
  /// A vector of the results in the order of the inputs; nothing for functions that return nothing.
  using value_type = detail::mapped_values<R>;

  explicit mapped(detail::state_ptr<detail::map_state<R>> state) noexcept : state_(std::move(state)) {}
  mapped(mapped&&) noexcept = default;
  mapped& operator=(mapped&& other) noexcept {
    mapped(std::move(other)).state_.swap(state_);
    return *this;
  }
  ~mapped() {
    if (state_) state_->take_as(detail::taken_as::nobody);
  }

  /// Waits for all items, then returns the results, or throws the error of the first input that failed.
  value_type get() {
    const auto state = taken();
    state->take_as(detail::taken_as::all);
    detail::wait_for(state->event(), *state);
    return state->values();
  }

  /// The outcomes one by one, errors as values.
  mapped_results<R> results() { return mapped_results<R>(taken()); }

  /// get() for coroutines. If the coroutine is asked to stop it throws `cancelled`; the work goes on.
  auto operator co_await() && { return awaiter(taken()); }

 private:
  class awaiter : public detail::wait_awaiter<detail::completion&> {
   public:
    explicit awaiter(detail::state_ptr<detail::map_state<R>> state) noexcept
        : wait_awaiter(state->event()), state_(std::move(state)) {
      state_->take_as(detail::taken_as::all);
    }
    ~awaiter() { state_->take_as(detail::taken_as::nobody); }  // stopped, or over
    value_type await_resume() {
      wait_awaiter::await_resume();
      return state_->values();
    }

   private:
    detail::state_ptr<detail::map_state<R>> state_;
  };

  detail::state_ptr<detail::map_state<R>> taken() {
    if (!state_) throw error("the results of this map were taken already");
    return std::exchange(state_, {});
  }

  detail::state_ptr<detail::map_state<R>> state_;
};

}  // namespace fanout
