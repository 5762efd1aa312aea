// SPDX-License-Identifier: Apache-2.0
// How a thread waits for what coroutines await.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <utility>

#include "fanout/detail/futex.hpp"
#include "fanout/detail/future_state.hpp"
#include "fanout/detail/pause.hpp"
#include "fanout/detail/this_thread.hpp"
#include "fanout/detail/waiter.hpp"
#include "fanout/duration.hpp"

namespace fanout::detail {

/// That this thread runs the loop which alone could end the wait.
[[noreturn]] void throw_waits_for_itself();

/// The waiter of a thread that blocks, on its stack.
class thread_waiter : public waiter {
 public:
  /// `who`: who is told, since the thread waits there; null: it sleeps on the flag.
  explicit thread_waiter(std::shared_ptr<outside> who = nullptr) noexcept : waiter(&set_flag), who_(std::move(who)) {}

  /// The same, for what is owed from outside; `who` is the one it was made with.
  bool wait(outside& who, const time_point* deadline) noexcept {
    who.block_until(flag_, deadline);
    return woken();
  }

  /// `context`: what this thread runs for the scheduler that owes the result; null: nothing, so it can just sleep.
  /// Until the deadline, if there is one. True: it was notified.
  bool wait(thread_context* context, const time_point* deadline) noexcept {
    if (context != nullptr) {
      context->block_until(flag_, deadline);
    } else {
      while (!woken() && (deadline == nullptr ? (futex_wait(flag_, 0), true) : futex_wait_until(flag_, 0, *deadline))) {
      }
    }
    return woken();
  }

 private:
  static void set_flag(op& self) noexcept {
    auto& me = static_cast<thread_waiter&>(self);
    const auto who = std::move(me.who_);
    auto& flag = me.flag_;
    // Pairs with woken(); and with whoever blocks in `who`, which says how it can be woken, then looks at the flag:
    // hence sequentially consistent. From here on the waiter may be gone, and the thread that waited, too.
    flag.store(is_set, std::memory_order_seq_cst);
    if (who != nullptr) {
      who->wake(flag);
    } else {
      futex_wake_all(flag);
    }
  }

  bool woken() const noexcept { return flag_.load(std::memory_order_acquire) == is_set; }

  static constexpr std::uint32_t is_set = outside::flag_set;

  std::shared_ptr<outside> who_;
  std::atomic<std::uint32_t> flag_ = 0;
};

// What is waited for, and who owes it: a scheduler, or a future's block, or several (future_set). Either can be asked
// which scheduler that is, and to begin here what has not begun anywhere.

/// For what no scheduler owes.
inline constexpr const scheduler* no_scheduler = nullptr;

/// What this thread runs for `home`; null if nothing. Throws if it cannot go on while this thread waits.
inline thread_context* waiting_context(const scheduler* home) {
  thread_context* const context = context_of(home);
  if (context != nullptr) context->may_wait();
  return context;
}
inline bool begin_here(const scheduler*) noexcept { return false; }
inline std::shared_ptr<outside> owed_from_outside(const scheduler*) noexcept { return nullptr; }

inline thread_context* waiting_context(const future_core& owed) { return waiting_context(owed.home()); }
inline bool begin_here(future_core& owed) noexcept { return owed.run_here(); }
inline std::shared_ptr<outside> owed_from_outside(future_core& owed) { return owed.owed_from_outside(); }

template <class Owed>
bool begin_in(thread_context& context, Owed& owed) noexcept {
  struct beginning : op {
    explicit beginning(Owed& o) noexcept
        : op([](op& self) noexcept {
            auto& me = static_cast<beginning&>(self);
            me.begun = begin_here(me.owed);
          }),
          owed(o) {}
    Owed& owed;
    bool begun = false;
  } work(owed);
  context.run(work);
  return work.begun;
}

inline bool has_passed(const time_point* deadline) noexcept {
  return deadline != nullptr && *deadline <= std::chrono::steady_clock::now();
}

/// Whether this thread looks for a while before it sleeps: by its habit, see core/look_habit.hpp.
bool worth_looking() noexcept;
void looked_for_result(bool was_worth_it) noexcept;

/// For about as long as it takes to fall asleep and to be woken: who waits for longer than that loses little by it.
template <class Source>
bool ready_soon(Source& source) noexcept {
  if (!worth_looking()) return false;
  int looks = 100;
  while (looks > 0 && !source.ready()) {
    pause_briefly();
    --looks;
  }
  looked_for_result(looks > 0);
  return looks > 0;
}

/// Blocks this thread until `source` is ready; until `deadline` at the latest, if there is one. True: it is ready.
/// `source` is whatever a waiter can be registered with. A worker of the pool that owes it runs, meanwhile, what it has
/// made itself, the newest first, and what it waits for, if that has not begun; unless there is a deadline, which would
/// have to wait for the end of that: then another thread of the pool does.
template <class Source, class Owed>
bool wait_for(Source& source, Owed&& owed, const time_point* deadline = nullptr) {
  if (source.ready()) return true;
  if (has_passed(deadline)) return false;
  thread_context* const context = waiting_context(owed);
  if (context != nullptr && deadline == nullptr) {
    while (context->run_own() || begin_in(*context, owed)) {
      if (source.ready()) return true;
    }
  }
  const std::shared_ptr<outside> who = context == nullptr ? owed_from_outside(owed) : nullptr;
  if (who == nullptr && ready_soon(source)) return true;
  thread_waiter w(who);
  if (!source.register_waiter(w)) return true;
  if (who != nullptr ? w.wait(*who, deadline) : w.wait(context, deadline)) return true;
  if (source.unregister_waiter(w)) return false;
  w.wait(nullptr, nullptr);  // it ended just now, and the waiter is about to run
  return true;
}

}  // namespace fanout::detail
