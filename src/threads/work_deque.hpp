// SPDX-License-Identifier: Apache-2.0
// The ops that a worker has made and not yet run: its own end is a stack, other workers steal from the far one.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "fanout/executor.hpp"
#include "threads/sync.hpp"

namespace fanout::detail {

/// Chase and Lev's deque ("Dynamic circular work-stealing deque", SPAA 2005) in a ring that does not grow, in the
/// C11 formulation of Lê, Pop, Cohen and Zappa Nardelli (PPoPP 2013), with sequentially consistent accesses where they
/// have fences: on x86 one `xchg` each in push and pop, and ThreadSanitizer understands it.
///
///     oldest                      newest
///       top_ ─▶ [op][op][op][op] ◀─ bottom_        top_ only grows, bottom_ is the owner's
///       steal                push, pop
///
/// The one race is for the last op. The owner takes it back by lowering bottom_, then looks at top_; a thief looks at
/// top_, then at bottom_. All four are sequentially consistent, so at least one sees the other, and whoever then raises
/// top_ has it. A thief that read a slot which the owner has filled anew since then fails to raise top_: a slot is
/// filled anew only when top_ has passed it.
template <class Sync = native_sync, std::size_t Capacity = 1024>
class basic_work_deque {
 public:
  using index = std::int64_t;

  // The owner's.

  /// False: it is full. True: whatever is sequentially consistent and comes after it in the owner comes after it for
  /// everybody; see event_count.
  bool push(op& work) noexcept {
    const index at = bottom_.load(std::memory_order_relaxed);
    if (at - top_seen_ >= static_cast<index>(Capacity)) {
      top_seen_ = top_.load(std::memory_order_acquire);  // whoever raised it has read the slot
      if (at - top_seen_ >= static_cast<index>(Capacity)) return false;
    }
    slot(at).store(&work, std::memory_order_relaxed);
    bottom_.store(at + 1, std::memory_order_seq_cst);  // pairs with steal()
    return true;
  }

  /// The newest; null if there is none.
  op* pop() noexcept {
    const index last = bottom_.load(std::memory_order_relaxed) - 1;
    if (top_.load(std::memory_order_relaxed) > last) return nullptr;  // it only grows: empty, and stays so
    bottom_.store(last, std::memory_order_seq_cst);
    index top = top_.load(std::memory_order_seq_cst);
    if (top < last) return slot(last).load(std::memory_order_relaxed);  // not the last one: thieves cannot get here
    op* work = nullptr;
    if (top == last && top_.compare_exchange_strong(top, top + 1, std::memory_order_seq_cst)) {
      work = slot(last).load(std::memory_order_relaxed);
    }
    bottom_.store(last + 1, std::memory_order_relaxed);  // empty
    return work;
  }

  /// Takes `work` back, if it is the newest.
  bool pop_if(const op& work) noexcept {
    const index last = bottom_.load(std::memory_order_relaxed) - 1;
    return last >= 0 && slot(last).load(std::memory_order_relaxed) == &work && pop() != nullptr;
  }

  /// Where the next one will be: what is pushed from now on is at that index or above.
  index end() const noexcept { return bottom_.load(std::memory_order_relaxed); }

  // Anybody's.

  /// The oldest; null if there is none, or another thief, or the owner, was faster.
  op* steal() noexcept {
    index top = top_.load(std::memory_order_seq_cst);
    if (top >= bottom_.load(std::memory_order_seq_cst)) return nullptr;
    op* const work = slot(top).load(std::memory_order_relaxed);
    return top_.compare_exchange_strong(top, top + 1, std::memory_order_seq_cst) ? work : nullptr;
  }

  /// About so many.
  std::size_t size() const noexcept {
    const index count = bottom_.load(std::memory_order_relaxed) - top_.load(std::memory_order_relaxed);
    return count > 0 ? static_cast<std::size_t>(count) : 0;
  }

  bool empty() const noexcept {
    return top_.load(std::memory_order_seq_cst) >= bottom_.load(std::memory_order_seq_cst);
  }

 private:
  static_assert((Capacity & (Capacity - 1)) == 0);
  template <class T>
  using atomic = typename Sync::template atomic<T>;

  atomic<op*>& slot(index i) noexcept { return ring_[static_cast<std::size_t>(i) & (Capacity - 1)]; }

  alignas(64) atomic<index> top_ = 0;
  alignas(64) atomic<index> bottom_ = 0;
  index top_seen_ = 0;  // the owner's; top_ was there some time ago
  alignas(64) std::array<atomic<op*>, Capacity> ring_{};
};

using work_deque = basic_work_deque<>;

}  // namespace fanout::detail
