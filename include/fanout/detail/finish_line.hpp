// SPDX-License-Identifier: Apache-2.0
// Tells in which order a set of events ends: what is behind as_completed.
#pragma once

#include <atomic>
#include <cstddef>
#include <mutex>
#include <optional>
#include <vector>

#include "fanout/detail/future_state.hpp"

namespace fanout::detail {

/// Collects the indices of events as they end, for one consumer. Counted: by the consumer, and by every runner from
/// watch() until it has arrived or was called back, so neither side ever waits for the other to let go.
class finish_line {
 public:
  explicit finish_line(std::size_t runners) : runners_(runners) { finished_.reserve(runners); }

  void add_reference() noexcept { references_.fetch_add(1, std::memory_order_relaxed); }
  void release() noexcept {
    if (references_.fetch_sub(1, std::memory_order_acq_rel) == 1) delete this;
  }

  /// Once for each index. `event` must live until it has ended or call_back().
  void watch(std::size_t index, completion& event) {
    auto& r = runners_[index].emplace(*this, index, event);
    add_reference();
    if (!event.register_waiter(r)) arrive(r);
  }

  /// The consumer goes: nobody else arrives.
  void call_back() noexcept {
    for (auto& r : runners_) {
      if (r && r->event.unregister_waiter(*r)) release();
    }
  }

  /// "There is a next one": to be waited for before take(), which renews it.
  completion& next() noexcept { return next_; }

  std::size_t take() noexcept {
    const std::lock_guard lock(mutex_);
    const std::size_t index = finished_[taken_++];
    runners_[index].reset();  // it has arrived, and its event may be gone before call_back
    next_.renew();
    if (taken_ < finished_.size()) next_.finish();  // the consumer is here, so nobody is notified under the lock
    return index;
  }

 private:
  struct runner : waiter {
    runner(finish_line& l, std::size_t i, completion& e) noexcept
        : waiter([](op& self) noexcept { static_cast<runner&>(self).line.arrive(static_cast<runner&>(self)); },
                 nullptr),
          line(l),
          index(i),
          event(e) {}
    finish_line& line;
    const std::size_t index;
    completion& event;
  };

  ~finish_line() = default;

  void arrive(runner& r) noexcept {
    bool first;
    {
      const std::lock_guard lock(mutex_);
      first = taken_ == finished_.size();
      finished_.push_back(r.index);  // never allocates: reserved in the constructor
    }
    // Only the first of a batch finishes next_; until it has, the consumer cannot take() and renew it.
    if (first) next_.finish();
    release();
  }

  std::atomic<std::size_t> references_ = 1;  // decremented with acq_rel, so the last holder sees what all others did
  std::mutex mutex_;                         // guards the two lines below
  std::vector<std::size_t> finished_;
  std::size_t taken_ = 0;
  completion next_;
  std::vector<std::optional<runner>> runners_;
};

}  // namespace fanout::detail
