// SPDX-License-Identifier: Apache-2.0
// The plainest scheduler there can be: a queue and a heap of timers under one lock.
#include "fanout/serial_executor.hpp"

#include <condition_variable>
#include <mutex>

#include "core/loop_run.hpp"
#include "core/op_queue.hpp"
#include "core/timer_heap.hpp"
#include "fanout/errors.hpp"

namespace fanout {

struct serial_executor::state {
  /// Null: there is none, and `wait` says not to wait for one.
  op* next(bool wait) {
    std::unique_lock lock(mutex);
    for (;;) {
      timers.take_due(ready);
      if (op* const work = ready.pop()) return work;
      if (!wait) return nullptr;
      if (timers.empty()) {
        changed.wait(lock);
      } else {
        const time_point due = timers.earliest().deadline;  // a copy: the timer may be gone while the lock is
        changed.wait_until(lock, due);
      }
    }
  }

  template <class Over>
  void run_until(const Over& over) {
    while (!over()) {
      op* const work = next(true);
      work->run(*work);
    }
  }

  void run_posted() {
    while (op* const work = next(false)) work->run(*work);
  }

  void claim(const char* refusal) {
    const std::lock_guard lock(mutex);
    if (running) throw error(refusal);
    running = true;
  }
  void unclaim() {
    const std::lock_guard lock(mutex);
    running = false;
  }

  std::mutex mutex;
  std::condition_variable changed;  // `ready` or `timers`, for the thread in run()
  detail::op_queue ready;
  detail::timer_heap timers;
  bool running = false;
};

serial_executor::serial_executor() : state_(std::make_unique<state>()) {}

serial_executor::~serial_executor() {
  {
    const std::lock_guard lock(state_->mutex);
    if (state_->running) detail::terminate_for("a serial_executor is destroyed while it runs: let run() return first");
  }
  detail::loop_run run(*this);
  struct marker final : op {
    marker() noexcept : op([](op& self) noexcept { static_cast<marker&>(self).reached = true; }) {}
    bool reached = false;
  } end_of_posts;
  post(end_of_posts);
  // What was posted may spawn. Not until nothing is ready: a task that yields for ever would be.
  state_->run_until([&] { return end_of_posts.reached; });
  run.stop_what_is_left();
  do {
    state_->run_until([&] { return run.nothing_left(); });
    state_->run_posted();
  } while (!run.nothing_left());
}

void serial_executor::post(op& work) noexcept {
  const std::lock_guard lock(state_->mutex);
  state_->ready.push(work);
  state_->changed.notify_one();
}

void serial_executor::post_at(time_point deadline, timer_op& timer) {
  const std::lock_guard lock(state_->mutex);
  state_->timers.insert(timer, deadline);
}

void serial_executor::expedite(timer_op& timer) noexcept {
  const std::lock_guard lock(state_->mutex);
  if (!timer.queued()) return;
  state_->timers.erase(timer);
  state_->ready.push(timer);
  state_->changed.notify_one();
}

void serial_executor::run_until(op& root, detail::completion& ended) {
  state_->claim("serial_executor::run: it is running already; await the task instead");
  {
    detail::loop_run run(*this);
    const detail::told_when_done over(ended, *this);
    post(root);
    state_->run_until([&] { return static_cast<bool>(over); });
    run.stop_what_is_left();
    state_->run_until([&] { return run.nothing_left(); });
  }
  state_->unclaim();
}

}  // namespace fanout
