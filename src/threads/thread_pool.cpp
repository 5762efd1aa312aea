// SPDX-License-Identifier: Apache-2.0
#include "fanout/thread_pool.hpp"

#include "fanout/detail/misuse.hpp"
#include "fanout/detail/this_thread.hpp"
#include "fanout/errors.hpp"
#include "threads/crew.hpp"

namespace fanout {

namespace {

/// As a thread's name may be.
std::string name_of_threads(const std::string& asked_for) {
  return (asked_for.empty() ? "fanout" : asked_for).substr(0, 15);
}

}  // namespace

thread_pool::thread_pool(unsigned workers) : thread_pool(thread_pool_options{.workers = workers}) {}

thread_pool::thread_pool(thread_pool_options options)
    : phase_(std::make_unique<detail::pool_phase>()), crew_([&] {
        if (options.workers == 0) throw error("thread_pool: 0 workers were asked for; it needs at least 1");
        return std::make_unique<detail::crew>(*this, detail::crew::plan{.places = options.workers,
                                                                        .name = name_of_threads(options.name),
                                                                        .stack_size = options.stack_size});
      }()) {}

thread_pool::~thread_pool() {
  if (detail::context_of(this) != nullptr) {
    detail::terminate_for(
        "a thread_pool is destroyed by one of its own workers, which it would wait for: let another "
        "thread own it");
  }
  link_.begin_to_close();
  crew_->stop();
}

bool thread_pool::shutdown(shutdown_mode mode, duration deadline) {
  if (detail::context_of(this) != nullptr) {
    throw error("thread_pool: shutdown() waits for the pool's tasks, so a task of the pool must not call it");
  }
  phase_->close(mode);
  link_.begin_to_close();
  if (mode == shutdown_mode::kill) crew_->spawned().request_stop();
  crew_->close();
  // What has not begun is to end now, not when a worker that is busy comes to it.
  if (mode != shutdown_mode::drain) crew_->lend_a_hand();
  const time_point until = detail::after(deadline);
  if (!crew_->wait_until_over(deadline != duration::max() ? &until : nullptr)) return false;
  crew_->stop();
  return true;
}

void thread_pool::check_whether_open_to_this_thread() const {
  if (detail::context_of(this) != nullptr) return;
  throw_closed();
}

unsigned thread_pool::workers() const noexcept { return crew_->places(); }
pool_stats thread_pool::stats() const noexcept { return crew_->stats(); }

bool thread_pool::try_post(scheduler& self, op& work) noexcept {
  return static_cast<thread_pool&>(self).crew_->enqueue(work);
}
bool thread_pool::try_fork(op& work) noexcept { return crew_->fork(work); }

void thread_pool::throw_closed() { throw pool_closed("thread_pool: it was shut down, and takes no more work"); }

// What comes when all is over came from a thread that asked just before whether the pool was open: it is cancelled, as
// tasks are by what runs them. (No coroutine comes then: those that are on a pool keep it from being over.)
void thread_pool::post(op& work) noexcept {
  if (!crew_->enqueue(work)) cancel(work);
}
void thread_pool::fork(op& work) noexcept {
  if (!crew_->fork(work)) cancel(work);
}
void thread_pool::cancel(op& work) noexcept {
  phase_->close(shutdown_mode::cancel_pending);
  work.run(work);
}

bool thread_pool::offer(op& work) noexcept { return crew_->offer(work); }
bool thread_pool::withdraw(op& work) noexcept { return crew_->withdraw(work); }
void thread_pool::fork_all(op& first, op& last) noexcept {
  if (!crew_->enqueue_all(first, last))
    detail::terminate_for("a coroutine gathers tasks on a thread_pool that is gone");
}
void thread_pool::post_at(time_point deadline, timer_op& timer) { crew_->queue().arm(timer, deadline); }
void thread_pool::expedite(timer_op& timer) noexcept { crew_->queue().expedite(timer); }

}  // namespace fanout
