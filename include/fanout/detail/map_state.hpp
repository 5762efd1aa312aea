// SPDX-License-Identifier: Apache-2.0
// The block that a mapped<R> and its pool share.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <utility>

#include "fanout/detail/future_state.hpp"
#include "fanout/detail/map_values.hpp"
#include "fanout/detail/misuse.hpp"
#include "fanout/detail/waiter.hpp"
#include "fanout/result.hpp"

namespace fanout::detail {

/// How the results of a map are taken. It is `undecided` first, and is decided once; `nobody` may follow on `each`.
enum class taken_as : unsigned char {
  undecided,
  all,    ///< by get() or co_await
  each,   ///< by results()
  nobody  ///< they will not be
};

/// The consumer's side, which does not know what is mapped. Counted as a future's block is. event() is done when every
/// item is. Single items can be waited for, too: this is a wait_source for the next one, or the end; one waits at a
/// time, and may be woken for no reason.
template <class R>
class map_state : public future_core {
 public:
  /// Once, by the consumer: what it is going to do. With `each` items come by next(), with `all` by values().
  virtual void take_as(taken_as how) noexcept = 0;

  /// After event().done(): throws the first error.
  virtual mapped_values<R> values() = 0;

  virtual bool ready() noexcept = 0;
  virtual bool register_waiter(waiter& w) noexcept = 0;
  virtual bool unregister_waiter(waiter& w) noexcept = 0;
  /// When ready(): the next item; none at the end.
  virtual std::optional<result<R>> next() = 0;

 protected:
  using future_core::future_core;
};

/// As many items as are known from the start.
///
/// Values are written where get() returns them from. For results() every item has a mark, too, which is made when its
/// value is there, before the next item of its chunk begins; while it is known that nobody looks at single items, none
/// is made. In which order items ended is noted only if it matters, by place: the nth to end is in ended_[n].
template <class R>
class whole_map : public map_state<R> {
 public:
  whole_map(std::size_t count, bool ordered, const scheduler* home = nullptr, std::uint32_t references = 1)
      : map_state<R>(home, references),
        count_(count),
        values_(count),
        marks_(count),
        ended_(ordered ? 0 : count),
        ordered_(ordered),
        missing_(count) {
    if (count == 0) this->event().finish();
  }

  ~whole_map() override {
    if (!this->is_seen() && errors_.first() != nullptr) report_unseen(errors_.first());
  }

  std::size_t size() const noexcept { return count_; }

  void take_as(taken_as how) noexcept override { taken_as_.store(how, std::memory_order_relaxed); }

  mapped_values<R> values() override {
    this->seen();
    if (std::exception_ptr error = errors_.take_first()) std::rethrow_exception(std::move(error));
    if constexpr (!std::is_void_v<R>) return values_.take_all();
  }

  bool ready() noexcept override {
    const std::size_t next = next_.load(std::memory_order_relaxed);  // its own
    if (next == count_) return true;
    return ordered_ ? mark(next).load(std::memory_order_seq_cst) != no_mark
                    : place(next).load(std::memory_order_seq_cst) != 0;
  }

  // The waiter, then the mark, here; the mark, then the waiter, in publish_item(); all seq_cst: one sees the other.
  bool register_waiter(waiter& w) noexcept override {
    if (waiter_.exchange(&w, std::memory_order_seq_cst) != nullptr)
      terminate_for("two at once wait for the next item of one map");
    return !ready() || !unregister_waiter(w);
  }
  bool unregister_waiter(waiter& w) noexcept override {
    waiter* mine = &w;
    return waiter_.compare_exchange_strong(mine, nullptr, std::memory_order_acq_rel, std::memory_order_relaxed);
  }

  std::optional<result<R>> next() override {
    this->seen();
    const std::size_t next = next_.load(std::memory_order_relaxed);
    if (next == count_) return std::nullopt;
    next_.store(next + 1, std::memory_order_relaxed);
    return outcome(ordered_ ? next : place(next).load(std::memory_order_acquire) - 1);
  }

  /// Puts what `call` returns or throws in its place. Once for each item, from any thread. The caller holds a
  /// reference, and calls end_items() when it has done so for some of them.
  template <class Call>
  void publish_item(std::size_t index, Call&& call) noexcept {
    mark_type mark = has_value;
    try {
      values_.put(index, std::forward<Call>(call));
    } catch (...) {
      errors_.put(index, std::current_exception());
      mark = has_error;
    }
    tell(index, mark);
  }

  void end_items(std::size_t count) noexcept {
    if (missing_.fetch_sub(count, std::memory_order_acq_rel) == count) this->event().finish();
  }

 protected:
  /// Does anybody look at single items, or may do so later?
  bool is_watched() const noexcept {
    const taken_as how = taken_as_.load(std::memory_order_relaxed);
    return how == taken_as::undecided || how == taken_as::each;
  }
  map_values<R>& places() noexcept { return values_; }
  map_errors& errors() noexcept { return errors_; }

 private:
  using mark_type = std::uint8_t;
  static constexpr mark_type no_mark = 0, has_value = 1, has_error = 2;

  std::atomic_ref<mark_type> mark(std::size_t index) const noexcept { return std::atomic_ref(marks_[index]); }
  /// An item's index and one; 0: there is none yet.
  std::atomic_ref<std::size_t> place(std::size_t nth) const noexcept { return std::atomic_ref(ended_[nth]); }

  void tell(std::size_t index, mark_type m) noexcept {
    mark(index).store(m, std::memory_order_seq_cst);
    if (!ordered_)
      place(ended_count_.fetch_add(1, std::memory_order_relaxed)).store(index + 1, std::memory_order_seq_cst);
    if (waiter_.load(std::memory_order_seq_cst) == nullptr || !ready()) return;
    if (waiter* const w = waiter_.exchange(nullptr, std::memory_order_acq_rel)) w->notify();
  }

  result<R> outcome(std::size_t index) {
    if (mark(index).load(std::memory_order_acquire) == has_error) return std::unexpected(errors_.take(index));
    if constexpr (std::is_void_v<R>) {
      return {};
    } else {
      return result<R>(std::in_place, values_.take(index));
    }
  }

  const std::size_t count_;
  map_values<R> values_;
  map_errors errors_;
  const zeroed_array<mark_type> marks_;
  const zeroed_array<std::size_t> ended_;
  const bool ordered_;
  std::atomic<std::size_t> ended_count_ = 0;  // only hands out places
  std::atomic<std::size_t> next_ = 0;         // the consumer's; publishers read it, late is good enough: see ready()
  std::atomic<waiter*> waiter_ = nullptr;
  std::atomic<taken_as> taken_as_ = taken_as::undecided;  // late is good enough: each chunk looks again
  std::atomic<std::size_t> missing_;
};

}  // namespace fanout::detail
