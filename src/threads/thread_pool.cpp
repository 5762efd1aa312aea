// SPDX-License-Identifier: Apache-2.0
// The threads of a pool and the queue they share.
#include "fanout/thread_pool.hpp"

#include <pthread.h>

#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <system_error>
#include <vector>

#include "core/timer_heap.hpp"
#include "fanout/detail/misuse.hpp"
#include "fanout/detail/spawn_scope.hpp"
#include "fanout/detail/this_thread.hpp"
#include "fanout/errors.hpp"
#include "threads/op_deque.hpp"

namespace fanout {

/// One lock guards everything here. Idle workers sleep on `work`, except one, the timekeeper, which sleeps on `time`
/// until the earliest timer is due. Every post wakes one of them; but two posts may wake the same one, and what one who
/// is woken waited for may have come. So whoever is awake and leaves work behind wakes the next, and no work waits
/// while a worker sleeps.
struct thread_pool::state {
  class worker;

  explicit state(thread_pool& p) : pool(p) { pool.set_spawned(&spawned); }

  void wake_one() noexcept {
    if (idle > 0) {
      work.notify_one();
    } else if (timekeeper) {
      time.notify_one();
    }
  }

  void wake_all() noexcept {
    work.notify_all();
    time.notify_all();
  }

  void sleep(std::unique_lock<std::mutex>& lock, const time_point* deadline) {
    if (timekeeper || timers.empty()) {
      ++idle;
      if (deadline != nullptr) {
        work.wait_until(lock, *deadline);
      } else {
        work.wait(lock);
      }
      --idle;
    } else {
      const time_point due = timers.earliest().deadline;
      timekeeper = true;
      time.wait_until(lock, deadline != nullptr && *deadline < due ? *deadline : due);
      timekeeper = false;
      if (idle > 0) work.notify_one();  // somebody else may have to watch the time now
    }
  }

  /// What a worker waits for, if it helps; nothing, if it just works.
  struct wait_for {
    const std::atomic<std::uint32_t>* flag = nullptr;
    const time_point* deadline = nullptr;
  };

  /// The next op to run, or null: when the flag is set or the deadline has passed, if there is one; when the pool
  /// closes and nothing is left, if not. Who works takes the oldest. Who helps takes the newest, which is most often
  /// what it waits for, or a part of that: so the depth of its stack is that of the work, not the length of the queue.
  /// Only so long, though, that what is older does not wait for ever. `ran`: how many ops this worker was given here
  /// and has run.
  op* next(unsigned ran, wait_for what) {
    std::unique_lock lock(mutex);
    if (ran > 0) --running;
    const bool helps = what.flag != nullptr;
    for (;;) {
      if (helps && what.flag->load(std::memory_order_acquire) != 0) break;
      if (ran > 0 && what.deadline != nullptr && passed(*what.deadline))
        break;  // after some work: it may have been that
      timers.take_due(ready);
      if (op* const found = helps && ran % 64 != 63 ? ready.pop_back() : ready.pop_front()) {
        ++running;
        if (!ready.empty()) wake_one();
        return found;
      }
      if (!helps && closing && running == 0 && spawned.empty()) {
        wake_all();  // the others have nothing left either
        return nullptr;
      }
      if (what.deadline != nullptr && passed(*what.deadline)) break;
      sleep(lock, what.deadline);
    }
    if (!ready.empty()) wake_one();
    return nullptr;
  }

  static bool passed(time_point deadline) noexcept { return std::chrono::steady_clock::now() >= deadline; }

  void start(const thread_pool_options& options);
  void stop() noexcept;

  thread_pool& pool;
  detail::spawn_scope spawned{detail::spawn_scope::counted_by::many};
  std::mutex mutex;
  std::condition_variable work, time;  // for the idle, and for the timekeeper
  detail::op_deque ready;
  detail::timer_heap timers;
  unsigned running = 0;  // ops that have begun and not ended: while there are any, more may come, and tasks be spawned
  unsigned idle = 0;
  bool timekeeper = false;
  bool closing = false;
  std::vector<pthread_t> threads;
};

namespace {

struct stack_bounds {
  const char* lowest;
  std::size_t size;
};

const stack_bounds& this_stack() {
  static thread_local const stack_bounds bounds = [] {
    pthread_attr_t attributes;
    if (pthread_getattr_np(pthread_self(), &attributes) != 0) return stack_bounds{nullptr, 0};
    void* lowest = nullptr;
    std::size_t size = 0;
    pthread_attr_getstack(&attributes, &lowest, &size);
    pthread_attr_destroy(&attributes);
    return stack_bounds{static_cast<const char*>(lowest), size};
  }();
  return bounds;
}

std::size_t stack_left() {
  return static_cast<std::size_t>(static_cast<char*>(__builtin_frame_address(0)) - this_stack().lowest);
}
/// For what a task does besides waiting.
std::size_t stack_to_keep() { return this_stack().size / 8; }

}  // namespace

/// Lives on the stack of its thread.
class thread_pool::state::worker final : public detail::thread_context {
 public:
  explicit worker(state& s) noexcept : thread_context(s.pool), state_(s) {}

  void run() noexcept { run_until({}); }

  void may_wait() const override {
    if (stack_left() < stack_to_keep()) throw_nested_too_deeply();
  }

  void help_until(const std::atomic<std::uint32_t>& flag) noexcept override {
    // What runs here is the pool's, whatever else this thread is in the middle of running.
    worker(state_).run_until({.flag = &flag});
  }

  bool help_until(const std::atomic<std::uint32_t>& flag, time_point deadline) noexcept override {
    worker(state_).run_until({.flag = &flag, .deadline = &deadline});
    return flag.load(std::memory_order_acquire) != 0;
  }

  void wake() noexcept override {
    const std::lock_guard lock(state_.mutex);
    state_.wake_all();
  }

 private:
  void run_until(wait_for what) noexcept {
    unsigned ran = 0;
    while (op* const next = state_.next(ran, what)) {
      next->run(*next);
      if (++ran == 0) ran = 64;  // it has not wrapped around to "none"
    }
  }

  [[noreturn]] static void throw_nested_too_deeply() {
    throw error(
        "thread_pool: a task waits for a task that waits for a task …, so deeply nested that the worker's stack "
        "is nearly used up; wait for them in a coroutine (co_await), or give the pool a larger stack_size");
  }

  state& state_;
};

void thread_pool::state::start(const thread_pool_options& options) {
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  const auto check = [&](int error, const char* what) {
    if (error == 0) return;
    pthread_attr_destroy(&attributes);
    stop();
    throw std::system_error(error, std::generic_category(), what);
  };
  if (options.stack_size != 0) {
    check(pthread_attr_setstacksize(&attributes, options.stack_size), "thread_pool: stack_size");
  }
  const std::string name = (options.name.empty() ? "fanout" : options.name).substr(0, 15);
  threads.reserve(options.workers);
  for (unsigned i = 0; i < options.workers; ++i) {
    pthread_t thread;
    const auto body = [](void* self) -> void* {
      worker(*static_cast<state*>(self)).run();
      return nullptr;
    };
    check(pthread_create(&thread, &attributes, body, this), "thread_pool: cannot start a thread");
    threads.push_back(thread);
    pthread_setname_np(thread, name.c_str());
  }
  pthread_attr_destroy(&attributes);
}

void thread_pool::state::stop() noexcept {
  {
    const std::lock_guard lock(mutex);
    closing = true;
    wake_all();
  }
  for (const pthread_t thread : threads) pthread_join(thread, nullptr);
}

thread_pool::thread_pool(unsigned workers) : thread_pool(thread_pool_options{.workers = workers}) {}

thread_pool::thread_pool(thread_pool_options options) : state_(std::make_unique<state>(*this)) {
  if (options.workers == 0) throw error("thread_pool: 0 workers were asked for; it needs at least 1");
  state_->start(options);
}

thread_pool::~thread_pool() {
  if (detail::context_of(this) != nullptr) {
    detail::terminate_for(
        "a thread_pool is destroyed by one of its own workers, which it would wait for: let another "
        "thread own it");
  }
  state_->stop();
}

unsigned thread_pool::workers() const noexcept { return static_cast<unsigned>(state_->threads.size()); }

void thread_pool::post(op& work) noexcept {
  const std::lock_guard lock(state_->mutex);
  state_->ready.push(work);
  state_->wake_one();
}

void thread_pool::post_at(time_point deadline, timer_op& timer) {
  const std::lock_guard lock(state_->mutex);
  state_->timers.insert(timer, deadline);
  if (&state_->timers.earliest() != &timer) return;
  if (state_->timekeeper) {
    state_->time.notify_one();  // it sleeps for too long now
  } else {
    state_->wake_one();  // somebody has to watch the time
  }
}

void thread_pool::expedite(timer_op& timer) noexcept {
  const std::lock_guard lock(state_->mutex);
  if (!timer.queued()) return;
  state_->timers.erase(timer);
  state_->ready.push(timer);
  state_->wake_one();
}

}  // namespace fanout
