// SPDX-License-Identifier: Apache-2.0
// Waiting for something that ends once: the word it keeps, and the waiters that coroutines and threads leave there.
#pragma once

#include <atomic>
#include <cstdint>
#include <utility>

#include "fanout/detail/futex.hpp"
#include "fanout/detail/this_thread.hpp"
#include "fanout/executor.hpp"

namespace fanout::detail {

/// An op that knows where it wants to run once what it waits for is there; null: at once, in the thread that ends it.
struct waiter : op {
  waiter(run_fn f, scheduler* s) noexcept : op(f), where(s) {}

  void notify() noexcept {
    if (where != nullptr) {
      where->post(*this);
    } else {
      run(*this);
    }
  }

  scheduler* const where;
};

/// "When it is done, post this op there": the one primitive under futures. At most one waiter at a time.
///
///               register_waiter                  finish
///      empty ◀─────────────────▶ a waiter ─────────────────▶ done (and the waiter is notified)
///        │     unregister_waiter                              ▲
///        └────────────────────── finish ──────────────────────┘
///
/// The waiter's owner may destroy it after a successful unregister_waiter, or once it has run. What the finishing
/// thread wrote before finish() is visible to whoever sees done, or whose waiter has run.
class completion {
 public:
  bool done() const noexcept { return word_.load(std::memory_order_acquire) == is_done; }

  /// False: it is done already, and `w` will not run.
  bool register_waiter(waiter& w) noexcept {
    auto expected = empty;
    // Release: the finishing thread reads the waiter. Acquire on failure: the caller reads the result.
    return word_.compare_exchange_strong(expected, reinterpret_cast<std::uintptr_t>(&w), std::memory_order_release,
                                         std::memory_order_acquire);
  }

  /// True: `w` will not run. False: it is running, or will.
  bool unregister_waiter(waiter& w) noexcept {
    auto expected = reinterpret_cast<std::uintptr_t>(&w);
    return word_.compare_exchange_strong(expected, empty, std::memory_order_acquire, std::memory_order_acquire);
  }

  /// Once. This object may be gone or renewed when it returns: whoever waited may have seen to that.
  void finish() noexcept {
    const auto seen = word_.exchange(is_done, std::memory_order_acq_rel);
    if (seen != empty) reinterpret_cast<waiter*>(seen)->notify();
  }

  /// Back to empty, for another finish(). Only when it is done, so that nobody waits.
  void renew() noexcept { word_.store(empty, std::memory_order_relaxed); }

 private:
  static constexpr std::uintptr_t empty = 0, is_done = 1;
  std::atomic<std::uintptr_t> word_ = empty;
};

/// What a worker thread of a pool does instead of blocking.
class worker_context {
 public:
  /// Runs other work of the pool until `flag` is not 0. Whoever sets the flag calls wake() afterwards.
  virtual void help_until(const std::atomic<std::uint32_t>& flag) noexcept = 0;
  /// The same until `deadline` at the latest, except that work begun before it is carried to its end. True: it is set.
  virtual bool help_until(const std::atomic<std::uint32_t>& flag, time_point deadline) noexcept = 0;
  /// Makes help_until look at its flag again. From any thread of the pool.
  virtual void wake() noexcept = 0;
  virtual scheduler& home() noexcept = 0;

 protected:
  ~worker_context() = default;
};

/// A waiter on the stack of a thread that blocks. `source`: the pool whose work is awaited, if any; a worker of that
/// very pool runs other work of it meanwhile, since it may be the only one who can.
class thread_waiter : public waiter {
 public:
  explicit thread_waiter(const scheduler* source) noexcept : thread_waiter(helper_for(source)) {}

  void wait() noexcept {
    if (helper_ != nullptr) return helper_->help_until(flag_);
    while (!woken()) futex_wait(flag_, 0);
  }

  /// False: the deadline came first.
  bool wait_until(time_point deadline) noexcept {
    if (helper_ != nullptr) return helper_->help_until(flag_, deadline);
    while (!woken()) {
      if (!futex_wait_until(flag_, 0, deadline)) return woken();
    }
    return true;
  }

 private:
  explicit thread_waiter(worker_context* helper) noexcept
      : waiter(&set_flag, helper != nullptr ? &helper->home() : nullptr), helper_(helper) {}

  static worker_context* helper_for(const scheduler* source) noexcept {
    worker_context* const worker = source != nullptr ? current_worker() : nullptr;
    return worker != nullptr && &worker->home() == source ? worker : nullptr;
  }

  static void set_flag(op& self) noexcept {
    auto& w = static_cast<thread_waiter&>(self);
    worker_context* const helper = w.helper_;
    const auto& flag = w.flag_;
    w.flag_.store(1, std::memory_order_release);  // pairs with woken(); from here on `w` may be gone
    if (helper != nullptr) {
      helper->wake();
    } else {
      futex_wake_all(flag);
    }
  }

  bool woken() const noexcept { return flag_.load(std::memory_order_acquire) != 0; }

  worker_context* const helper_;
  std::atomic<std::uint32_t> flag_ = 0;
};

/// Blocks this thread until `event` is done. `source` as for thread_waiter.
inline void wait_for(completion& event, const scheduler* source) noexcept {
  thread_waiter w(source);
  if (!event.done() && event.register_waiter(w)) w.wait();
}

/// The same until `deadline` at the latest. True: it is done.
inline bool wait_for_until(completion& event, const scheduler* source, time_point deadline) noexcept {
  if (event.done()) return true;
  thread_waiter w(source);
  if (!event.register_waiter(w) || w.wait_until(deadline)) return true;
  if (event.unregister_waiter(w)) return false;
  w.wait();  // it ended just now, and the waiter is about to run
  return true;
}

}  // namespace fanout::detail
