// SPDX-License-Identifier: Apache-2.0
// Who am I? Asked out of line, because Clang may reuse a thread's address or id after a coroutine went on in another
// thread (LLVM issues 47179, 63022, 111257).
#pragma once

#include <atomic>
#include <cstdint>

#include "fanout/duration.hpp"

namespace fanout {
class scheduler;
}

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
  /// Runs work of the scheduler until `flag` is set.
  virtual void help_until(const std::atomic<std::uint32_t>& flag) noexcept = 0;
  /// The same until `deadline` at the latest. True: the flag is set.
  virtual bool help_until(const std::atomic<std::uint32_t>& flag, time_point deadline) noexcept = 0;
  /// Makes every help_until for this scheduler that sleeps, in whichever thread, look at its flag again.
  virtual void wake() noexcept = 0;

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
