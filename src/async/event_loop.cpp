// SPDX-License-Identifier: Apache-2.0
// The turns of an event loop, and how it goes to sleep without missing a post.
#include "fanout/event_loop.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <system_error>

#include "core/op_queue.hpp"
#include "core/timer_heap.hpp"
#include "fanout/detail/this_thread.hpp"
#include "fanout/errors.hpp"

namespace fanout {

/// Parking. A poster pushes, then looks at `parked`; the loop sets `parked`, then looks at the stacks. Both orders are
/// sequentially consistent, so at least one of them sees the other: either the loop finds the work, or the poster, by
/// taking `parked` back, becomes the one who writes the eventfd.
struct event_loop::state {
  state() : wake_fd(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    if (wake_fd < 0) throw std::system_error(errno, std::generic_category(), "event_loop: eventfd");
  }
  ~state() { close(wake_fd); }

  bool on_loop_thread() const noexcept {
    return owner.load(std::memory_order_relaxed) == detail::this_thread_identity();
  }

  void wake() noexcept {
    if (!parked.load(std::memory_order_seq_cst) || !parked.exchange(false)) return;
    const std::uint64_t one = 1;
    while (write(wake_fd, &one, sizeof one) < 0 && errno == EINTR) {
    }
  }

  void take_posts() noexcept {
    for (op* work = posted.take_all(); work != nullptr;) {
      op& current = *work;
      work = work->next;
      ready.push(current);
    }
    for (op* work = expedited.take_all(); work != nullptr;) {
      auto& timer = static_cast<timer_op&>(*work);
      work = work->next;
      if (timer.heap_index != timer_op::not_queued) timers.erase(timer);
      ready.push(timer);
    }
  }

  void take_due_timers() noexcept {
    if (timers.empty()) return;  // the clock is not read while no timer is armed
    const time_point now = std::chrono::steady_clock::now();
    while (!timers.empty() && timers.earliest().deadline <= now) {
      timer_op& timer = timers.earliest();
      timers.erase(timer);
      if (!timer.claimed.exchange(true)) ready.push(timer);  // else expedite() queues it
    }
  }

  void run_ready() noexcept {
    for (detail::op_queue turn(std::move(ready)); op* work = turn.pop();) work->run(*work);
  }

  void sleep_until_needed() noexcept {
    parked.store(true, std::memory_order_seq_cst);
    if (posted.empty() && expedited.empty()) poll_once();
    parked.store(false, std::memory_order_seq_cst);
  }

  void poll_once() noexcept {
    timespec left{};
    if (!timers.empty()) {
      const auto wait = timers.earliest().deadline - time_point(std::chrono::steady_clock::now());
      if (wait <= duration::zero()) return;
      const auto seconds = std::chrono::floor<std::chrono::seconds>(wait);
      left = {.tv_sec = seconds.count(), .tv_nsec = (wait - seconds).count()};
    }
    pollfd events{.fd = wake_fd, .events = POLLIN, .revents = 0};
    if (ppoll(&events, 1, timers.empty() ? nullptr : &left, nullptr) > 0) {
      std::uint64_t count;
      [[maybe_unused]] const auto size = read(wake_fd, &count, sizeof count);  // back to 0, for the next sleep
    }
  }

  const int wake_fd;
  std::atomic<const void*> owner = nullptr;  // the running thread; each thread only compares it with itself
  std::atomic<bool> parked = false;
  detail::op_stack posted;     // by other threads
  detail::op_stack expedited;  // timers, by any thread
  detail::op_queue ready;
  detail::timer_heap timers;
};

event_loop::event_loop() : state_(std::make_unique<state>()) {}

event_loop::~event_loop() {
  do {
    state_->take_posts();
    state_->run_ready();
  } while (!state_->posted.empty() || !state_->ready.empty());
}

void event_loop::post(op& work) noexcept {
  if (state_->on_loop_thread()) {
    state_->ready.push(work);
  } else {
    state_->posted.push(work);
    state_->wake();
  }
}

void event_loop::post_at(time_point deadline, timer_op& timer) { state_->timers.insert(timer, deadline); }

void event_loop::expedite(timer_op& timer) noexcept {
  if (timer.claimed.exchange(true)) return;
  state_->expedited.push(timer);
  if (!state_->on_loop_thread()) state_->wake();
}

void event_loop::run_until(op& root, detail::completion& ended) {
  const void* nobody = nullptr;
  if (!state_->owner.compare_exchange_strong(nobody, detail::this_thread_identity())) {
    throw error("event_loop::run: the loop is running already; await the task instead");
  }
  post(root);
  while (!ended.done()) {
    state_->take_posts();
    state_->take_due_timers();
    if (state_->ready.empty()) {
      state_->sleep_until_needed();
    } else {
      state_->run_ready();
    }
  }
  state_->owner.store(nullptr);
}

}  // namespace fanout
