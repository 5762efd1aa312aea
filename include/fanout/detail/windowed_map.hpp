// SPDX-License-Identifier: Apache-2.0
// A map whose inputs are pulled one after another, as its consumer gets on: the consumer's side, for every pool.
#pragma once

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <iterator>
#include <list>
#include <mutex>
#include <optional>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "fanout/detail/map_state.hpp"
#include "fanout/detail/misuse.hpp"
#include "fanout/errors.hpp"
#include "fanout/executor.hpp"
#include "fanout/result.hpp"

namespace fanout::detail {

/// What such a map knows of one item. A pool's own may hold more.
template <class R>
struct map_slot {
  std::size_t number = 0;  // of its input
  std::optional<result<R>> outcome;
  // The outcome is there, and its worker will not come back to this. Stored by show(), with no lock, or under it.
  std::atomic<bool> ended = false;
};

/// One lock guards everything but what a slot holds, which is its worker's from when it is pulled until it has ended.
/// Neither the range nor the function is called under the lock.
///
///   an input:   pulled ──▶ runs ──▶ ended ──▶ taken: by the consumer (each), put with the others (all), or dropped
///                                             (nobody)
///   in flight:  pulled and not taken; with all and nobody, who do not hold anything up: pulled and not ended
///
/// Who pulls is the derived class's affair. It pulls while there is room, and stops when there is none. No wake-up is
/// lost, because whatever makes room calls refill(), under the lock under which it was seen that there is none: the
/// consumer, when it has taken an item, decides how to, or is about to wait; and, where that makes room, an item's end.
template <class R, class Slot = map_slot<R>>
class windowed_map : public map_state<R> {
 public:
  ~windowed_map() override {
    const std::exception_ptr& error = first_error_ != nullptr ? first_error_ : last_error_;
    if (!this->is_seen() && error != nullptr) report_unseen(error);
  }

  void take_as(taken_as how) noexcept override {
    mine_.clear();
    used_.clear();
    std::unique_lock lock(mutex_);
    if (how == taken_as::nobody && is_lazy_) {
      exhausted_ = true;
      if (taken() == taken_as::each) drops_rest_.store(true, std::memory_order_relaxed);
      while (pulling_) pull_ended_.wait(lock);
      leave_range(lock);  // from here on it, and what it refers to, may go
    }
    taken_as_.store(how, std::memory_order_relaxed);
    if (taken_together()) {
      restore_order();
      take_ended();
    }
    tell(lock);
  }

  mapped_values<R> values() override {
    this->seen();
    for (std::exception_ptr* const error : {&first_error_, &last_error_}) {
      if (*error != nullptr)
        std::rethrow_exception(std::move(*error));  // the consumer's alone: threads would share its object
    }
    if constexpr (!std::is_void_v<R>) return std::move(values_);
  }

  bool ready() noexcept override {
    if (!mine_.empty()) return true;
    std::unique_lock lock(mutex_);
    give_room();
    if (!has_next()) refill(lock);  // a consumer about to wait: whatever there is room for should be under way
    return has_next();
  }
  // The waiter, then the slot, here; the slot, then the waiter, in show(); all seq_cst: one sees the other.
  bool register_waiter(waiter& w) noexcept override {
    const std::lock_guard lock(mutex_);
    if (waiter_ != nullptr) terminate_for("two at once wait for the next item of one map");
    waiter_.store(&w, std::memory_order_seq_cst);
    if (!has_next()) return true;
    waiter_.store(nullptr, std::memory_order_relaxed);
    return false;
  }
  bool unregister_waiter(waiter& w) noexcept override {
    const std::lock_guard lock(mutex_);
    if (waiter_ != &w) return false;
    waiter_.store(nullptr, std::memory_order_relaxed);
    return true;
  }

  std::optional<result<R>> next() override {
    this->seen();
    if (mine_.empty()) {
      const std::lock_guard lock(mutex_);
      fetch();
    }
    if (mine_.empty()) {
      if (last_error_ == nullptr) return std::nullopt;
      return std::unexpected(std::exchange(last_error_, nullptr));
    }
    std::optional<result<R>> taken = std::move(mine_.front().outcome);
    used_.splice(used_.end(), mine_, mine_.begin());
    if (used_.size() > give_room_after_) {  // not for every single one
      std::unique_lock lock(mutex_);
      give_room();
      refill(lock);
    }
    return taken;
  }

 protected:
  using slots = std::list<Slot>;
  using place = typename slots::iterator;

  /// `is_lazy`: when nobody wants its results any more, no more inputs are pulled.
  windowed_map(const scheduler* home, std::uint32_t references, bool ordered, bool is_lazy, std::size_t window)
      : map_state<R>(home, references), ordered_(ordered), is_lazy_(is_lazy), window_(window) {}

  /// There may be room, or nothing more to pull. Under the lock, which may be released, and is held again, afterwards:
  /// look again.
  virtual void refill(std::unique_lock<std::mutex>& lock) noexcept = 0;

  /// Nobody will pull any more. Under the lock, as above.
  virtual void leave_range(std::unique_lock<std::mutex>&) noexcept {}

  std::mutex& mutex() noexcept { return mutex_; }

  // --- under the lock

  /// Somebody uses the range.
  bool is_pulling() const noexcept { return pulling_; }
  void begin_to_use_range() noexcept { pulling_ = true; }
  void end_to_use_range() noexcept {
    pulling_ = false;
    if (exhausted_) pull_ended_.notify_all();
  }

  bool is_exhausted() const noexcept { return exhausted_; }
  /// Nothing more comes; if because of an error, that is the last result.
  void exhaust(std::exception_ptr error = nullptr) noexcept {
    exhausted_ = true;
    if (error != nullptr) last_error_ = std::move(error);
  }
  void pool_is_gone() noexcept {
    if (exhausted_) return;
    try {
      throw pool_closed(
          "map: its pool is gone; inputs that are pulled, or that a window holds back, need it for as long as there "
          "are some");
    } catch (...) {
      exhaust(std::current_exception());
    }
  }

  std::size_t window() const noexcept { return window_; }
  void widen() noexcept { window_ *= 2; }
  bool has_room() const noexcept { return in_flight_ < window_; }
  std::size_t room() const noexcept { return has_room() ? window_ - in_flight_ : 0; }
  /// How many have been pulled so far.
  std::size_t numbered() const noexcept { return numbered_; }

  /// For so many inputs, as far as there are used ones.
  slots spare(std::size_t count) noexcept {
    slots some;
    const auto end = std::next(spare_.begin(), static_cast<std::ptrdiff_t>(std::min(count, spare_.size())));
    some.splice(some.end(), spare_, spare_.begin(), end);
    return some;
  }
  /// These have been pulled: their places stay the same until they have ended.
  void admit(slots& fresh) noexcept {
    for (Slot& s : fresh) s.number = numbered_++;
    in_flight_ += fresh.size();
    running_ += fresh.size();
    pulled_.splice(pulled_.end(), fresh);
  }
  /// One that has not ended is as if it had never been pulled.
  void forget(place s) noexcept {
    --in_flight_;
    --running_;
    recycle(pulled_, s);
  }

  /// So many have ended, of which show() told, or the next line will.
  void end_items(std::size_t count) noexcept {
    running_ -= count;
    if (taken_together()) take_ended();
  }

  /// Nobody looks at single items any more.
  bool taken_together() const noexcept { return taken() == taken_as::all || taken() == taken_as::nobody; }

  /// After a change: whoever waits for it learns of it. Releases the lock. The caller holds a reference.
  void tell(std::unique_lock<std::mutex>& lock) noexcept {
    if (taken_together()) refill(lock);
    waiter* const woken = has_next() ? waiter_.exchange(nullptr, std::memory_order_relaxed) : nullptr;
    const bool ends = over() && !finished_;
    if (ends) finished_ = true;
    lock.unlock();
    if (ends) this->event().finish();
    if (woken != nullptr) woken->notify();
  }

  // --- without the lock

  /// What has not begun need not be.
  bool drops_rest() const noexcept { return drops_rest_.load(std::memory_order_relaxed); }

  /// Its outcome is there: the consumer may have it, and anything may become of the slot. Those that are taken together
  /// it has when end_items() counts them.
  void show(place s) noexcept {
    if (taken_together()) return s->ended.store(true, std::memory_order_release);
    if (ordered_) {
      s->ended.store(true, std::memory_order_seq_cst);
      if (waiter_.load(std::memory_order_seq_cst) == nullptr) return;
    }
    std::unique_lock lock(mutex_);
    if (!ordered_) put_by_end(s);
    tell(lock);
  }

 private:
  // --- under the lock

  /// All has ended, and nothing more will come.
  bool over() const noexcept { return exhausted_ && !pulling_ && running_ == 0; }

  bool has_next() const noexcept {
    const slots& from = ordered_ ? pulled_ : ended_;
    return (!from.empty() && from.front().ended.load(std::memory_order_seq_cst)) || over();
  }

  taken_as taken() const noexcept { return taken_as_.load(std::memory_order_relaxed); }

  /// The consumer has looked at these.
  void give_room() noexcept {
    give_room_after_ = window_ / 4;
    in_flight_ -= used_.size();
    while (!used_.empty()) recycle(used_, used_.begin());
  }

  /// Gets the consumer what it can have without a wait, so that it need not come for every single one.
  void fetch() noexcept {
    slots& from = ordered_ ? pulled_ : ended_;
    const auto end =
        std::ranges::find_if_not(from, [](const Slot& s) { return s.ended.load(std::memory_order_acquire); });
    mine_.splice(mine_.end(), from, from.begin(), end);
  }

  void put_by_end(place s) noexcept {
    s->ended.store(true, std::memory_order_relaxed);
    if (!taken_together()) ended_.splice(ended_.end(), pulled_, s);
  }

  /// For who takes them together: in the order of the inputs, or in any if nobody looks.
  void take_ended() noexcept {
    for (auto s = pulled_.begin(); s != pulled_.end();) {
      const place next = std::next(s);
      if (s->ended.load(std::memory_order_acquire)) {
        keep(*s->outcome);
        recycle(pulled_, s);
      } else if (taken() == taken_as::all) {
        break;
      }
      s = next;
    }
    in_flight_ = running_;
  }

  void keep(result<R>& outcome) noexcept {
    if (first_error_ != nullptr) return;
    if (!outcome.has_value()) {
      first_error_ = std::move(outcome.error());  // none, if it was dropped
    } else if constexpr (!std::is_void_v<R>) {
      if (taken() == taken_as::nobody) return;
      try {
        values_.push_back(*std::move(outcome));
      } catch (...) {
        first_error_ = std::current_exception();
      }
    }
  }

  /// Those that have ended go back among the others: who takes them together has them in the order of the inputs.
  void restore_order() noexcept {
    const auto by_number = [](const Slot& a, const Slot& b) { return a.number < b.number; };
    ended_.sort(by_number);
    pulled_.merge(ended_, by_number);
  }

  void recycle(slots& from, place s) noexcept {
    s->outcome.reset();
    s->ended.store(false, std::memory_order_relaxed);
    if (spare_.size() < window_) {
      spare_.splice(spare_.begin(), from, s);
    } else {
      from.erase(s);
    }
  }

  const bool ordered_;
  const bool is_lazy_;

  // The consumer's, who looks at them one by one; they are in flight.
  slots mine_;  // ended
  slots used_;  // looked at
  std::size_t give_room_after_ = 0;

  std::mutex mutex_;  // guards the rest
  slots pulled_;      // in the order of the inputs: taken from here, or, if it does not matter, moved to …
  slots ended_;       // … this one, in the order in which they ended
  slots spare_;
  std::size_t window_;
  std::size_t numbered_ = 0;   // inputs pulled so far
  std::size_t in_flight_ = 0;  // at most window_
  std::size_t running_ = 0;    // pulled and not ended
  bool pulling_ = false;
  std::condition_variable pull_ended_;
  bool exhausted_ = false;  // nothing more is pulled
  bool finished_ = false;
  std::exception_ptr first_error_;  // of those that were taken together
  std::exception_ptr last_error_;   // the range's, or that the pool is gone: comes after all items
  [[no_unique_address]] std::conditional_t<std::is_void_v<R>, std::monostate, std::vector<stored_t<R>>> values_;
  std::atomic<waiter*> waiter_ = nullptr;  // written under the lock; see register_waiter
  // Written under the lock. Workers read them without: late is good enough.
  std::atomic<taken_as> taken_as_ = taken_as::undecided;
  std::atomic<bool> drops_rest_ = false;
};

}  // namespace fanout::detail
