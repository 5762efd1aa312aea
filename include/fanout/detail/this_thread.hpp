// SPDX-License-Identifier: Apache-2.0
// Who am I? Asked out of line, because Clang may reuse a thread's address or id after a coroutine went on in another
// thread (LLVM issues 47179, 63022, 111257).
#pragma once

#include <atomic>
#include <cstdint>

#include "fanout/duration.hpp"

namespace fanout {
class scheduler;
struct op;
}  // namespace fanout

namespace fanout::detail {

/// An address that no other living thread has.
const void* this_thread_identity() noexcept;

/// That this thread runs ops of a scheduler, for as long as this object lives. They nest: a task on a pool may run a
/// loop.
class thread_context {
 public:
  thread_context(const thread_context&) = delete;
  thread_context& operator=(const thread_context&) = delete;

  scheduler& home() const noexcept { return home_; }

  /// Throws fanout::error if this thread must not wait for the scheduler: because nobody else could end that, or
  /// because it waits inside of waits so deeply that its stack is nearly used up.
  virtual void may_wait() const = 0;

  // While it waits for the scheduler, if it may:

  /// Runs something that was made by what this thread is in the middle of running here. False: there is nothing.
  virtual bool run_own() noexcept = 0;
  /// Runs `work` as an op of the scheduler.
  virtual void run(op& work) noexcept = 0;
  /// Sleeps until `flag` is set, or until the deadline if there is one.
  virtual void block_until(const std::atomic<std::uint32_t>& flag, const time_point* deadline) noexcept = 0;

 protected:
  explicit thread_context(scheduler& home) noexcept;
  ~thread_context();

 private:
  friend thread_context* context_of(const scheduler*) noexcept;
  scheduler& home_;
  thread_context* const outer_;
};

/// What this thread runs for `home`, however deep below other contexts; null if it runs nothing for it.
thread_context* context_of(const scheduler* home) noexcept;

/// The scheduler whose ops this thread is running, the innermost one; null if there is none.
scheduler* current_scheduler() noexcept;

}  // namespace fanout::detail
