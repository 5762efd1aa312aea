// SPDX-License-Identifier: Apache-2.0
// The turns of an event loop, and how it goes to sleep without missing a post.
#include "fanout/event_loop.hpp"

#include <poll.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <system_error>
#include <utility>

#include "core/loop_run.hpp"
#include "core/op_queue.hpp"
#include "core/timer_heap.hpp"
#include "fanout/errors.hpp"

namespace fanout {

/// Parking. A poster pushes, then looks at `parked`; the loop sets `parked`, then looks at the stacks. Both orders are
/// sequentially consistent, so at least one of them sees the other: either the loop finds the work, or the poster, by
/// taking `parked` back, becomes the one who writes the eventfd.
struct event_loop::state {
  /// Timers and posts of other threads are looked at after so many ops at the latest.
  static constexpr int ops_per_turn = 256;

  state() : wake_fd(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    if (wake_fd < 0) throw std::system_error(errno, std::generic_category(), "event_loop: eventfd");
  }
  ~state() { close(wake_fd); }

  bool on_loop_thread() const noexcept { return running_here == this; }

  /// From another thread. What is pushed may end the loop at once, and with it whoever owns the loop; so it waits for
  /// those who are still in here when it is destroyed.
  [[gnu::noinline]] void push(detail::op_stack& stack, op& work) noexcept {
    pushing.fetch_add(1, std::memory_order_relaxed);  // ordered by the push: whoever runs `work` sees it
    stack.push(work);
    wake();
    pushing.fetch_sub(1, std::memory_order_release);  // pairs with wait_for_pushers()
  }

  void wait_for_pushers() const noexcept {
    while (pushing.load(std::memory_order_acquire) != 0) sched_yield();  // for a few instructions, or one write
  }

  void wake() noexcept {
    if (!parked.load(std::memory_order_seq_cst) || !parked.exchange(false)) return;
    const std::uint64_t one = 1;
    while (write(wake_fd, &one, sizeof one) < 0 && errno == EINTR) {
    }
  }

  void take_posts() noexcept {
    if (!posted.empty()) {
      for (op* work = posted.take_all(); work != nullptr;) {
        op& current = *work;
        work = work->next;
        ready.push(current);
      }
    }
    if (!expedited.empty()) {
      for (op* work = expedited.take_all(); work != nullptr;) {
        auto& timer = static_cast<timer_op&>(*work);
        work = work->next;
        make_ready(timer);
      }
    }
  }

  void make_ready(timer_op& timer) noexcept {
    if (timer.queued()) timers.erase(timer);
    ready.push(timer);
  }

  void take_due_timers() noexcept {
    struct {
      detail::op_queue& ready;
      void push(timer_op& timer) noexcept {
        if (timer.claim()) ready.push(timer);  // else expedite() queues it
      }
    } unclaimed{ready};
    timers.take_due(unclaimed, ops_per_turn);  // the rest when these have run, while they are in the cache
  }

  void turn() noexcept {
    take_posts();
    take_due_timers();
    for (int left = ops_per_turn; left > 0; --left) {
      op* const work = ready.pop();
      if (work == nullptr) break;
      work->run(*work);
    }
  }

  template <class Over>
  void run_until(const Over& over) noexcept {
    while (!over()) {
      turn();
      if (ready.empty() && !over()) sleep_until_needed();
    }
  }

  void sleep_until_needed() noexcept {
    parked.store(true, std::memory_order_seq_cst);
    if (posted.empty() && expedited.empty()) poll_once();
    parked.store(false, std::memory_order_seq_cst);
  }

  void poll_once() noexcept {
    timespec left{};
    if (!timers.empty()) {
      const time_point deadline = timers.earliest().deadline, now = std::chrono::steady_clock::now();
      if (deadline <= now) return;  // first: the difference of a very early one does not fit
      const duration wait = deadline - now;
      const auto seconds = std::chrono::floor<std::chrono::seconds>(wait);
      left = {.tv_sec = seconds.count(), .tv_nsec = (wait - seconds).count()};
    }
    pollfd events{.fd = wake_fd, .events = POLLIN, .revents = 0};
    if (ppoll(&events, 1, timers.empty() ? nullptr : &left, nullptr) > 0) {
      std::uint64_t count;
      [[maybe_unused]] const auto size = read(wake_fd, &count, sizeof count);  // back to 0, for the next sleep
    }
  }

  // The innermost loop that runs in this thread. (No coroutine of ours is compiled here, see detail/this_thread.hpp.)
  [[gnu::tls_model("initial-exec")]] static constinit thread_local const state* running_here;

  const int wake_fd;
  std::atomic<bool> claimed = false;  // by the one thread that runs it
  std::atomic<bool> parked = false;
  std::atomic<unsigned> pushing = 0;  // threads inside push()
  detail::op_stack posted;            // by other threads
  detail::op_stack expedited;         // timers, by other threads
  detail::op_queue ready;
  detail::timer_heap timers;
};

constinit thread_local const event_loop::state* event_loop::state::running_here = nullptr;

/// This thread runs the loop as long as it lives.
class event_loop::running {
 public:
  explicit running(event_loop& loop) noexcept
      : run(loop), state_(*loop.state_), outer_(std::exchange(state::running_here, &state_)) {}
  ~running() {
    state::running_here = outer_;
    state_.claimed.store(false, std::memory_order_release);  // pairs with the exchange of whoever runs it next
  }

  detail::loop_run run;

 private:
  state& state_;
  const state* const outer_;
};

event_loop::event_loop() : state_(std::make_unique<state>()) {}

event_loop::~event_loop() {
  if (state_->claimed.exchange(true, std::memory_order_acquire)) {
    detail::terminate_for("an event_loop is destroyed while it runs: let run() return first");
  }
  running here(*this);
  do {
    state_->turn();
  } while (!state_->ready.empty() || !state_->posted.empty());
  here.run.stop_what_is_left();
  state_->run_until([&] { return here.run.nothing_left() && state_->ready.empty() && state_->posted.empty(); });
  state_->wait_for_pushers();
}

void event_loop::post(op& work) noexcept {
  if (!state_->on_loop_thread()) return state_->push(state_->posted, work);
  state_->ready.push(work);
}

void event_loop::post_all(op& first, op& last) noexcept {
  if (state_->on_loop_thread()) {
    state_->ready.push_all(first, last);
  } else {
    scheduler::post_all(first, last);
  }
}

void event_loop::post_at(time_point deadline, timer_op& timer) { state_->timers.insert(timer, deadline); }

void event_loop::expedite(timer_op& timer) noexcept {
  if (!timer.claim()) return;
  if (state_->on_loop_thread()) {
    state_->make_ready(timer);
  } else {
    state_->push(state_->expedited, timer);
  }
}

void event_loop::run_until(op& root, detail::completion& ended) {
  if (state_->claimed.exchange(true, std::memory_order_acquire)) {
    throw error("event_loop::run: the loop is running already; await the task instead");
  }
  running here(*this);
  const detail::told_when_done over(ended, *this);
  post(root);
  state_->run_until([&] { return static_cast<bool>(over); });
  here.run.stop_what_is_left();
  state_->run_until([&] { return here.run.nothing_left(); });
}

}  // namespace fanout
