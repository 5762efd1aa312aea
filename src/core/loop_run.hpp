// SPDX-License-Identifier: Apache-2.0
// One run of a scheduler by the thread that calls it: event_loop, serial_executor.
#pragma once

#include <utility>

#include "fanout/detail/spawn_scope.hpp"
#include "fanout/detail/this_thread.hpp"
#include "fanout/detail/waiter.hpp"
#include "fanout/executor.hpp"

namespace fanout::detail {

/// As long as it lives, its thread runs the scheduler, tasks can be spawned there, and a wait for what only this thread
/// could fulfil is refused. `drive(over)` is how ops are run: until one of them has set `over`.
class loop_run final : private thread_context {
 public:
  explicit loop_run(scheduler& s) noexcept : thread_context(s) { s.set_spawned(&scope_); }
  ~loop_run() { home().set_spawned(nullptr); }

  /// Runs ops until `event` is done.
  template <class Drive>
  void until(completion& event, Drive&& drive) {
    // Told by an op, so that the loop wakes up whoever finishes the event, and looks at no atomic before.
    struct teller : waiter {
      explicit teller(scheduler& s) noexcept
          : waiter([](op& self) noexcept { static_cast<teller&>(self).over = true; }, &s) {}
      bool over = false;
    } end(home());
    if (event.register_waiter(end)) drive(std::as_const(end.over));
  }

  /// Once, at the end: what was spawned and is left over is asked to stop, and awaited.
  template <class Drive>
  void stop_what_is_left(Drive&& drive) {
    scope_.request_stop();
    scope_.leave();
    until(scope_.ended(), std::forward<Drive>(drive));
  }

 private:
  bool can_help() const noexcept override { return false; }
  void help_until(const std::atomic<std::uint32_t>&) noexcept override {}
  bool help_until(const std::atomic<std::uint32_t>&, time_point) noexcept override { return false; }
  void wake() noexcept override {}

  spawn_scope scope_{spawn_scope::counted_by::one_thread};
};

}  // namespace fanout::detail
