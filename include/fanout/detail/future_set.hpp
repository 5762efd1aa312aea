// SPDX-License-Identifier: Apache-2.0
// Futures that are waited for together.
#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

#include "fanout/detail/arrivals.hpp"
#include "fanout/detail/future_state.hpp"
#include "fanout/future.hpp"

namespace fanout::detail {

/// Holds them, and watches each until it has arrived.
template <class T>
class future_set {
 public:
  /// Throws fanout::error if one of them is empty.
  explicit future_set(std::vector<future<T>> futures) : futures_(std::move(futures)), arrivals_(watch()) {}
  future_set(future_set&&) noexcept = default;
  future_set& operator=(future_set&&) = delete;
  ~future_set() {
    if (arrivals_) arrivals_->call_all_back();
  }

  detail::arrivals& arrivals() noexcept { return *arrivals_; }
  /// What this thread runs for one of the schedulers that owe results; see blocking.hpp.
  friend thread_context* waiting_context(const future_set& owed) {
    thread_context* context = nullptr;
    for (const scheduler* home : owed.homes_) {
      if (thread_context* const found = waiting_context(home)) context = found;
    }
    return context;
  }
  /// The first that has not begun, of those that this thread may run.
  friend bool begin_here(future_set& owed) noexcept {
    const scheduler* const here = current_scheduler();
    for (; owed.begun_ < owed.futures_.size(); ++owed.begun_) {
      const future<T>& f = owed.futures_[owed.begun_];
      if (f.valid() && future_access::state(f).home() == here && future_access::state(f).run_here()) return true;
    }
    return false;
  }

  /// Who sees to those that are owed from outside, if there are any: all have the same.
  friend std::shared_ptr<outside> owed_from_outside(const future_set& owed) noexcept { return owed.outside_; }

  std::vector<future<T>>& futures() noexcept { return futures_; }

  /// The next that has arrived.
  future<T> take() noexcept { return std::move(futures_[arrivals_->take()]); }

  /// Watches none of them any more, and gives them back.
  std::vector<future<T>> release() noexcept {
    arrivals_->call_all_back();
    return std::move(futures_);
  }

  /// Asks all that were not taken to stop; nobody will look at what becomes of them.
  void cancel_rest() {
    for (auto& f : futures_) {
      if (!f.valid()) continue;
      future_access::state(f).seen();
      f.cancel();
    }
  }

 private:
  state_ptr<detail::arrivals> watch() {
    for (const auto& f : futures_) {
      const scheduler* const home = future_access::state(f).home();
      if (home != nullptr && std::ranges::find(homes_, home) == homes_.end()) homes_.push_back(home);
      if (home == nullptr && outside_ == nullptr) outside_ = future_access::state(f).owed_from_outside();
    }
    state_ptr line(new detail::arrivals(futures_.size()));
    for (std::size_t i = 0; i < futures_.size(); ++i) line->watch(i, future_access::state(futures_[i]).event());
    return line;
  }

  std::vector<future<T>> futures_;
  std::vector<const scheduler*> homes_;  // each once
  std::shared_ptr<outside> outside_;
  std::size_t begun_ = 0;  // all before have begun, or are not for this thread to run
  state_ptr<detail::arrivals> arrivals_;
};

}  // namespace fanout::detail
