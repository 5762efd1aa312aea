// SPDX-License-Identifier: Apache-2.0
// mapped<R>: the results of pool.map(f, inputs), together or one by one.
#pragma once

#include <cstddef>
#include <iterator>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

#include "fanout/detail/blocking.hpp"
#include "fanout/detail/map_state.hpp"
#include "fanout/detail/wait_awaiter.hpp"
#include "fanout/errors.hpp"
#include "fanout/result.hpp"

namespace fanout {

struct map_options {
  std::size_t chunk = 0;  ///< inputs handed to a worker at a time; 0: chosen by the pool
};

/// A lazy range of result<R>, in the order of the inputs: each item as soon as it and all before it are there. Passed
/// over once. Blocks; a worker of the pool that owes the results runs other tasks of it meanwhile.
template <class R>
class [[nodiscard]] mapped_results {
 public:
  class iterator {
   public:
    using value_type = result<R>;
    using difference_type = std::ptrdiff_t;

    result<R>&& operator*() const {
      range_->state_->wait_for_item(range_->next_);
      return range_->state_->outcome(range_->next_);
    }
    iterator& operator++() noexcept {
      ++range_->next_;
      return *this;
    }
    void operator++(int) noexcept { ++range_->next_; }
    friend bool operator==(const iterator& it, std::default_sentinel_t) noexcept {
      return it.range_->next_ == it.range_->state_->size();
    }

   private:
    friend class mapped_results;
    explicit iterator(mapped_results& range) noexcept : range_(&range) {}
    mapped_results* range_;
  };

  explicit mapped_results(detail::state_ptr<detail::map_state<R>> state) noexcept : state_(std::move(state)) {}
  mapped_results(mapped_results&&) noexcept = default;
  mapped_results& operator=(mapped_results&&) noexcept = default;

  iterator begin() noexcept { return iterator(*this); }
  std::default_sentinel_t end() const noexcept { return {}; }

 private:
  detail::state_ptr<detail::map_state<R>> state_;
  std::size_t next_ = 0;
};

/// What pool.map returns. It is taken once: by get(), results() or co_await. Destroying it detaches: the work goes on.
template <class R>
class [[nodiscard]] mapped {
 public:
  /// A vector of the results in the order of the inputs; nothing for functions that return nothing.
  using value_type = std::conditional_t<std::is_void_v<R>, void, std::vector<detail::stored_t<R>>>;

  explicit mapped(detail::state_ptr<detail::map_state<R>> state) noexcept : state_(std::move(state)) {}
  mapped(mapped&&) noexcept = default;
  mapped& operator=(mapped&&) noexcept = default;

  /// Waits for all items, then returns the results, or throws the error of the first input that failed.
  value_type get() {
    const auto state = taken();
    detail::wait_for(state->event(), state->home());
    return collect(*state);
  }

  /// The outcomes one by one, errors as values.
  mapped_results<R> results() { return mapped_results<R>(taken()); }

  /// get() for coroutines. If the coroutine is asked to stop it throws `cancelled`; the work goes on.
  auto operator co_await() && { return awaiter(taken()); }

 private:
  class awaiter : public detail::wait_awaiter<detail::completion&> {
   public:
    explicit awaiter(detail::state_ptr<detail::map_state<R>> state) noexcept
        : wait_awaiter(state->event()), state_(std::move(state)) {}
    value_type await_resume() {
      wait_awaiter::await_resume();
      return collect(*state_);
    }

   private:
    detail::state_ptr<detail::map_state<R>> state_;
  };

  detail::state_ptr<detail::map_state<R>> taken() {
    if (!state_) throw error("the results of this map were taken already");
    return std::exchange(state_, {});
  }

  static value_type collect(detail::map_state<R>& state) {
    for (std::size_t i = 0; i < state.size(); ++i) {
      if (auto&& outcome = state.outcome(i); !outcome.has_value()) std::rethrow_exception(std::move(outcome).error());
    }
    if constexpr (!std::is_void_v<R>) {
      value_type values;
      values.reserve(state.size());
      for (std::size_t i = 0; i < state.size(); ++i) values.push_back(*state.outcome(i));
      return values;
    }
  }

  detail::state_ptr<detail::map_state<R>> state_;
};

}  // namespace fanout
