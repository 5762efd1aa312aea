// SPDX-License-Identifier: Apache-2.0
// One run of a scheduler by the thread that calls it: event_loop, serial_executor.
#pragma once

#include "fanout/detail/blocking.hpp"
#include "fanout/detail/spawn_scope.hpp"
#include "fanout/detail/this_thread.hpp"
#include "fanout/detail/waiter.hpp"
#include "fanout/executor.hpp"

namespace fanout::detail {

/// As long as it lives, its thread runs the scheduler, tasks can be spawned there, and a wait for what only this thread
/// could fulfil is refused.
class loop_run final : private thread_context {
 public:
  explicit loop_run(scheduler& s) noexcept : thread_context(s) { s.set_spawned(&scope_); }
  ~loop_run() { home().set_spawned(nullptr); }

  /// At the end: asks what was spawned and is left over to stop. The scheduler is then to be run until nothing_left().
  void stop_what_is_left() noexcept { scope_.request_stop(); }
  bool nothing_left() const noexcept { return scope_.empty(); }

 private:
  void may_wait() const override { throw_waits_for_itself(); }
  bool run_own() noexcept override { return false; }
  void run(op& work) noexcept override { work.run(work); }
  void block_until(const std::atomic<std::uint32_t>&, const time_point*) noexcept override {}

  spawn_scope scope_{spawn_scope::counted_by::one_thread};
};

/// Set by an op that is posted when `event` is done: so the loop wakes up whoever finishes the event, and looks at no
/// atomic before. Must live until it is set.
class told_when_done : private waiter {
 public:
  told_when_done(completion& event, scheduler& where) noexcept
      : waiter(&tell, &where), told_(!event.register_waiter(*this)) {}
  explicit operator bool() const noexcept { return told_; }

 private:
  static void tell(op& self) noexcept { static_cast<told_when_done&>(self).told_ = true; }

  bool told_;
};

}  // namespace fanout::detail
