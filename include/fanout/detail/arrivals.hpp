// SPDX-License-Identifier: Apache-2.0
// Tells in which order futures end: what is behind as_completed and wait.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

#include "fanout/detail/future_state.hpp"
#include "fanout/detail/misuse.hpp"
#include "fanout/detail/waiter.hpp"

namespace fanout::detail {

/// Collects the numbers of futures as they end, for one consumer. One word:
///
///                 register_waiter                          arrive
///        0     ◀─────────────────▶ a waiter + 1  ───────────────▶  one runner, and the waiter is notified
///      nobody    unregister_waiter
///        │ arrive                 take_arrived
///        └────────▶ runners, linked, the last to arrive first ────────▶ 0
///
/// Counted: by the consumer, and by every runner from watch() until it has arrived or was called back; so neither side
/// ever waits for the other to let go.
class arrivals {
 public:
  explicit arrivals(std::size_t runners) : runners_(std::make_unique<runner[]>(runners)), count_(runners) {}

  void add_reference() noexcept { references_.fetch_add(1, std::memory_order_relaxed); }
  void release() noexcept {
    if (references_.fetch_sub(1, std::memory_order_acq_rel) == 1) delete this;
  }

  /// Once for each number. The future must live until it has ended or call_back().
  void watch(std::size_t number, completion& event) noexcept {
    runner& r = runners_[number];
    r.line = this;
    r.event = &event;
    add_reference();
    if (!event.register_waiter(r)) arrive(r);
  }

  /// The consumer takes this future no longer into account, if it has not arrived yet. False: it has, or is about to.
  bool call_back(std::size_t number) noexcept {
    runner& r = runners_[number];
    if (r.event == nullptr || !r.event->unregister_waiter(r)) return false;
    r.event = nullptr;
    release();
    return true;
  }
  void call_all_back() noexcept {
    for (std::size_t i = 0; i < count_; ++i) call_back(i);
  }

  /// The consumer's: is there one to take()?
  bool ready() const noexcept {
    if (arrived_ != nullptr) return true;
    const auto word = word_.load(std::memory_order_relaxed);
    if ((word & is_waiter) != 0) terminate_for("two at once wait for the next of one as_completed range");
    return word != 0;
  }

  bool register_waiter(waiter& w) noexcept {
    std::uintptr_t nobody = 0;
    // Release: arrive() reads the waiter. On failure there is a runner to be taken, which acquires it.
    return word_.compare_exchange_strong(nobody, reinterpret_cast<std::uintptr_t>(&w) | is_waiter,
                                         std::memory_order_release, std::memory_order_relaxed);
  }
  bool unregister_waiter(waiter& w) noexcept {
    auto mine = reinterpret_cast<std::uintptr_t>(&w) | is_waiter;
    return word_.compare_exchange_strong(mine, 0, std::memory_order_acquire, std::memory_order_relaxed);
  }

  /// The number of the next one, once ready().
  std::size_t take() noexcept {
    if (arrived_ == nullptr) take_arrived();
    runner& r = *std::exchange(arrived_, static_cast<runner*>(arrived_->next));
    r.event = nullptr;  // which may be gone before call_all_back
    return static_cast<std::size_t>(&r - runners_.get());
  }

 private:
  struct runner : waiter {
    runner() noexcept
        : waiter([](op& self) noexcept { static_cast<runner&>(self).line->arrive(static_cast<runner&>(self)); }) {}
    arrivals* line = nullptr;
    completion* event = nullptr;
  };

  ~arrivals() = default;

  void arrive(runner& r) noexcept {
    auto word = word_.load(std::memory_order_acquire);
    for (;;) {
      const bool waited_for = (word & is_waiter) != 0;
      r.next = waited_for ? nullptr : reinterpret_cast<runner*>(word);
      // Release: pairs with take_arrived. Acquire: the waiter is about to be used.
      if (word_.compare_exchange_weak(word, reinterpret_cast<std::uintptr_t>(&r), std::memory_order_acq_rel,
                                      std::memory_order_acquire)) {
        if (waited_for) reinterpret_cast<waiter*>(word & ~is_waiter)->notify();
        break;
      }
    }
    release();
  }

  /// In the order in which they arrived.
  void take_arrived() noexcept {
    auto* last_first = reinterpret_cast<runner*>(word_.exchange(0, std::memory_order_acquire));
    while (last_first != nullptr) {
      runner* const next = static_cast<runner*>(last_first->next);
      last_first->next = arrived_;
      arrived_ = last_first;
      last_first = next;
    }
  }

  static constexpr std::uintptr_t is_waiter = 1;

  std::atomic<std::uintptr_t> word_ = 0;
  runner* arrived_ = nullptr;  // the consumer's: taken, in order
  std::atomic<std::size_t> references_ = 1;
  const std::unique_ptr<runner[]> runners_;
  const std::size_t count_;
};

}  // namespace fanout::detail
