// SPDX-License-Identifier: Apache-2.0
// Waiting for something that ends once: the word it keeps, and the waiter that is left there.
#pragma once

#include <atomic>
#include <cstdint>

#include "fanout/detail/misuse.hpp"
#include "fanout/executor.hpp"

namespace fanout::detail {

/// An op that knows where it wants to run once what it waits for is there; null: at once, in the thread that ends it.
struct waiter : op {
  explicit waiter(run_fn f, scheduler* s = nullptr) noexcept : op(f), where(s) {}

  void notify() noexcept {
    if (where != nullptr) {
      where->post(*this);
    } else {
      run(*this);
    }
  }

  scheduler* where;
};

/// "When it is done, post this op there": the one primitive under futures. One word: the address of a waiter, if there
/// is one, and two bits.
///
///               register_waiter
///      empty ◀─────────────────▶ a waiter          + claimed: set by claim(), once, at any time before done
///        │    unregister_waiter     │
///        └─────────▶ done ◀─────────┘ finish: and the waiter is notified
///
/// Who owns what: the side that fulfils owns the result until finish(), the side that waits from then on. The waiter
/// belongs to finish() from register_waiter on, and to its own side again after a successful unregister_waiter or once
/// it has run. What there is to run, if anything, belongs to whoever claims it: the worker that begins it, or a
/// cancel() that was faster.
class completion {
 public:
  // Acquire: pairs with finish(), so that the result is visible.
  bool done() const noexcept { return (word_.load(std::memory_order_acquire) & is_done) != 0; }
  bool ready() const noexcept { return done(); }

  /// True for the first who asks, and only before it is done. Acquire and release: the loser of a claim that cancelled
  /// sees all that happened before.
  bool claim() noexcept {
    return (word_.fetch_or(is_claimed, std::memory_order_acq_rel) & (is_claimed | is_done)) == 0;
  }

  /// False: it is done already, and `w` will not run. One waiter at a time.
  bool register_waiter(waiter& w) noexcept {
    auto word = word_.load(std::memory_order_acquire);
    for (;;) {
      if ((word & is_done) != 0) return false;
      if ((word & waiter_bits) != 0) terminate_for("two at once wait for one result");
      // Release: the finishing thread reads the waiter. Acquire on failure: the caller may read the result.
      if (word_.compare_exchange_weak(word, word | reinterpret_cast<std::uintptr_t>(&w), std::memory_order_release,
                                      std::memory_order_acquire)) {
        return true;
      }
    }
  }

  /// True: `w` will not run. False: it is running, or will.
  bool unregister_waiter(waiter& w) noexcept {
    auto word = word_.load(std::memory_order_acquire);
    while ((word & waiter_bits) == reinterpret_cast<std::uintptr_t>(&w)) {
      if (word_.compare_exchange_weak(word, word & ~waiter_bits, std::memory_order_acquire)) return true;
    }
    return false;
  }

  /// Once. This object may be gone when it returns: whoever waited may have seen to that.
  void finish() noexcept {
    const auto seen = word_.exchange(is_done, std::memory_order_acq_rel);
    if ((seen & waiter_bits) != 0) reinterpret_cast<waiter*>(seen & waiter_bits)->notify();
  }

 private:
  static constexpr std::uintptr_t is_done = 1, is_claimed = 2, waiter_bits = ~std::uintptr_t{3};
  static_assert(alignof(waiter) > 3);

  std::atomic<std::uintptr_t> word_ = 0;
};

}  // namespace fanout::detail
