// SPDX-License-Identifier: Apache-2.0
// The turns of an event loop, and how it goes to sleep without missing a post. What it sleeps in is a reactor.
#include "fanout/event_loop.hpp"

#include <sched.h>

#include <mutex>
#include <utility>

#include "async/asio_reactor.hpp"
#include "async/bare_reactor.hpp"
#include "core/loop_run.hpp"
#include "core/op_queue.hpp"
#include "core/timer_heap.hpp"
#include "fanout/detail/attended.hpp"
#include "fanout/errors.hpp"

namespace fanout {

/// Parking. A poster pushes, then looks at `parked`; the loop sets `parked`, then looks at the stacks. Both orders are
/// sequentially consistent, so at least one of them sees the other: either the loop finds the work, or the poster, by
/// taking `parked` back, becomes the one who wakes the reactor. A wake that comes late ends a later wait: no harm,
/// so `parked` is set back without ceremony.
struct event_loop::state {
  /// Timers and posts of other threads are looked at after so many ops at the latest.
  static constexpr int ops_per_turn = 256;

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
    waits_in.load(std::memory_order_acquire)->wake();
  }

  /// From any thread: the loop may be asleep in the other reactor, so it is woken there.
  boost::asio::io_context& context() {
    if (waits_in.load(std::memory_order_acquire) == &bare) {
      const std::lock_guard lock(making_asio);
      if (asio == nullptr) {
        asio = std::make_unique<detail::asio_reactor>();
        waits_in.store(asio.get(), std::memory_order_release);  // pairs with the loads here, in wake() and by the loop
        bare.wake();
      }
    }
    return asio->context();
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
      if (!ready.empty()) {
        waits_in.load(std::memory_order_acquire)->poll();
      } else if (!over()) {
        sleep_until_needed();
      }
    }
  }

  void sleep_until_needed() noexcept {
    detail::reactor& sleeper = *waits_in.load(std::memory_order_acquire);
    parked.store(true, std::memory_order_seq_cst);
    if (posted.empty() && expedited.empty()) {
      sleep(sleeper);
    } else {
      parked.store(false, std::memory_order_relaxed);
      sleeper.poll();  // posts, however many, do not keep the loop from its I/O
    }
  }

  void sleep(detail::reactor& sleeper) noexcept {
    if (attended != nullptr && !attended->may_sleep()) attended.reset();
    const bool readable =
        sleeper.wait(timers.empty() ? nullptr : &timers.earliest().deadline, attended != nullptr ? attended->fd() : -1);
    parked.store(false, std::memory_order_relaxed);
    if (attended != nullptr) attended->woke(readable);
  }

  void stop_attending() noexcept {
    if (const auto over = std::move(attended)) over->left();
  }

  // The innermost loop that runs in this thread. (No coroutine of ours is compiled here, see detail/this_thread.hpp.)
  [[gnu::tls_model("initial-exec")]] static constinit thread_local const state* running_here;

  detail::bare_reactor bare;
  std::unique_ptr<detail::asio_reactor> asio;  // from the first call of context() on
  std::mutex making_asio;
  std::atomic<detail::reactor*> waits_in = &bare;
  std::atomic<bool> claimed = false;  // by the one thread that runs it
  std::atomic<bool> parked = false;
  std::atomic<unsigned> pushing = 0;  // threads inside push()
  detail::op_stack posted;            // by other threads
  detail::op_stack expedited;         // timers, by other threads
  detail::op_queue ready;
  detail::timer_heap timers;
  std::shared_ptr<detail::attended> attended;
};

constinit thread_local const event_loop::state* event_loop::state::running_here = nullptr;

/// This thread runs the loop as long as it lives.
class event_loop::running {
 public:
  explicit running(event_loop& loop) noexcept
      : run(loop), state_(*loop.state_), outer_(std::exchange(state::running_here, &state_)) {}
  ~running() {
    state_.stop_attending();
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
  state_->turn();  // what was posted may spawn; not until nothing is ready: a task that yields for ever would be
  here.run.stop_what_is_left();
  const auto nothing_there = [&] { return state_->ready.empty() && state_->posted.empty(); };
  state_->run_until([&] { return here.run.nothing_left() && nothing_there(); });
  state_->stop_attending();
  state_->run_until(nothing_there);  // it may have posted its last
  state_->wait_for_pushers();
}

void event_loop::post(op& work) noexcept {
  if (!state_->on_loop_thread()) return state_->push(state_->posted, work);
  state_->ready.push(work);
}

void event_loop::fork_all(op& first, op& last) noexcept {
  if (state_->on_loop_thread()) {
    state_->ready.push_all(first, last);
  } else {
    scheduler::fork_all(first, last);
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

bool event_loop::may_attend() const noexcept { return state_->on_loop_thread() && state_->attended == nullptr; }

void event_loop::attend(std::shared_ptr<detail::attended> what) noexcept { state_->attended = std::move(what); }

void event_loop::forget(const detail::attended& what) noexcept {
  if (state_->attended.get() == &what) state_->attended.reset();
}

boost::asio::io_context& event_loop::context() { return state_->context(); }

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
