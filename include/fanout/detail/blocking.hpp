// SPDX-License-Identifier: Apache-2.0
// How a thread waits for what coroutines await.
#pragma once

#include <atomic>
#include <cstdint>

#include "fanout/detail/futex.hpp"
#include "fanout/detail/this_thread.hpp"
#include "fanout/detail/waiter.hpp"
#include "fanout/duration.hpp"

namespace fanout::detail {

/// That this thread runs the loop which alone could end the wait.
[[noreturn]] void throw_waits_for_itself();

/// The waiter of a thread that blocks, on its stack. A worker of the pool whose work is awaited runs other work of that
/// pool meanwhile, since it may be the only one who can; its waiter is posted to the pool, and it runs it in its turn.
class thread_waiter : public waiter {
 public:
  /// `context`: what this thread runs for the scheduler that owes the result; null: nothing, so it can sleep.
  explicit thread_waiter(thread_context* context) noexcept
      : waiter(&set_flag, context != nullptr ? &context->home() : nullptr), context_(context) {}

  void wait() noexcept {
    if (context_ != nullptr) return context_->help_until(flag_);
    while (!woken()) futex_wait(flag_, 0);
  }

  /// False: the deadline came first.
  bool wait_until(time_point deadline) noexcept {
    if (context_ != nullptr) return context_->help_until(flag_, deadline);
    while (!woken()) {
      if (!futex_wait_until(flag_, 0, deadline)) return woken();
    }
    return true;
  }

 private:
  static void set_flag(op& self) noexcept {
    auto& w = static_cast<thread_waiter&>(self);
    const scheduler* const helped = w.where;
    const auto& flag = w.flag_;
    // Pairs with woken(). From here on `w` may be gone, and the thread that waited, its context and all, too.
    w.flag_.store(1, std::memory_order_release);
    if (helped != nullptr) {
      context_of(helped)->wake();  // this thread runs it too: it was posted there
    } else {
      futex_wake_all(flag);
    }
  }

  bool woken() const noexcept { return flag_.load(std::memory_order_acquire) != 0; }

  thread_context* const context_;  // for the thread that waits alone
  std::atomic<std::uint32_t> flag_ = 0;
};

/// What this thread runs for any of the schedulers that owe the results it is about to wait for; null if for none.
/// Throws if that is one that cannot go on while this thread waits.
template <class Homes>
thread_context* helping_context(const Homes& homes) {
  thread_context* helping = nullptr;
  for (const scheduler* home : homes) {
    thread_context* const context = context_of(home);
    if (context == nullptr) continue;
    context->may_wait();
    helping = context;
  }
  return helping;
}
inline thread_context* helping_context(const scheduler* home) {
  thread_context* const context = context_of(home);
  if (context != nullptr) context->may_wait();
  return context;
}

/// For what no scheduler owes.
inline constexpr const scheduler* no_scheduler = nullptr;

/// Blocks this thread until `source` is ready. `source` is whatever a waiter can be registered with; `homes`: the
/// scheduler, or a range of those, that it depends on.
template <class Source, class Homes>
void wait_for(Source& source, const Homes& homes) {
  if (source.ready()) return;
  thread_waiter w(helping_context(homes));
  if (source.register_waiter(w)) w.wait();
}

/// The same until `deadline` at the latest. True: it is ready.
template <class Source, class Homes>
bool wait_for_until(Source& source, const Homes& homes, time_point deadline) {
  if (source.ready()) return true;
  if (deadline <= std::chrono::steady_clock::now()) return false;
  thread_waiter w(helping_context(homes));
  if (!source.register_waiter(w) || w.wait_until(deadline)) return true;
  if (source.unregister_waiter(w)) return false;
  w.wait();  // it ended just now, and the waiter is about to run
  return true;
}

}  // namespace fanout::detail
