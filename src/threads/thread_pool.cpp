// SPDX-License-Identifier: Apache-2.0
// The threads of a pool and the queue they share.
#include "fanout/thread_pool.hpp"

#include <pthread.h>

#include <condition_variable>
#include <mutex>
#include <system_error>
#include <vector>

#include "core/op_queue.hpp"
#include "core/timer_heap.hpp"
#include "fanout/detail/misuse.hpp"
#include "fanout/detail/spawn_scope.hpp"
#include "fanout/detail/this_thread.hpp"
#include "fanout/errors.hpp"

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

  /// The next op to run, or null: when `flag` is set or `deadline` has passed, if they are given; when the pool closes,
  /// if not.
  op* next(const std::atomic<std::uint32_t>* flag, const time_point* deadline) {
    std::unique_lock lock(mutex);
    for (;;) {
      if (flag != nullptr && flag->load(std::memory_order_acquire) != 0) break;
      timers.take_due(ready);
      if (op* const found = ready.pop()) {
        if (!ready.empty()) wake_one();
        return found;
      }
      if (closing && flag == nullptr && spawned.ended().done()) break;
      if (deadline != nullptr && std::chrono::steady_clock::now() >= *deadline) break;
      sleep(lock, deadline);
    }
    if (!ready.empty()) wake_one();
    return nullptr;
  }

  void start(const thread_pool_options& options);
  void stop() noexcept;

  thread_pool& pool;
  detail::spawn_scope spawned{detail::spawn_scope::counted_by::many};
  std::mutex mutex;
  std::condition_variable work, time;  // for the idle, and for the timekeeper
  detail::op_queue ready;
  detail::timer_heap timers;
  unsigned idle = 0;
  bool timekeeper = false;
  bool closing = false;
  std::vector<pthread_t> threads;
};

/// Lives on the stack of its thread.
class thread_pool::state::worker final : public detail::thread_context {
 public:
  explicit worker(state& s) noexcept : thread_context(s.pool), state_(s) {}

  void run() noexcept {
    while (op* const next = state_.next(nullptr, nullptr)) next->run(*next);
  }

  bool can_help() const noexcept override { return true; }

  void help_until(const std::atomic<std::uint32_t>& flag) noexcept override {
    const worker inner(state_);  // what runs here is the pool's, whatever else this thread is in the middle of running
    while (op* const next = state_.next(&flag, nullptr)) next->run(*next);
  }

  bool help_until(const std::atomic<std::uint32_t>& flag, time_point deadline) noexcept override {
    const worker inner(state_);
    while (op* const next = state_.next(&flag, &deadline)) {
      next->run(*next);
      if (std::chrono::steady_clock::now() >= deadline) break;  // after some work: it may be what is waited for
    }
    return flag.load(std::memory_order_acquire) != 0;
  }

  void wake() noexcept override {
    const std::lock_guard lock(state_.mutex);
    state_.wake_all();
  }

 private:
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
  // Whoever ends last of what was spawned, in a worker or here, wakes the workers up.
  struct teller : detail::waiter {
    explicit teller(state& s) noexcept : waiter(&tell), pool(s) {}
    static void tell(op& self) noexcept {
      state& s = static_cast<teller&>(self).pool;
      const std::lock_guard lock(s.mutex);
      s.wake_all();
    }
    state& pool;
  } last(*this);
  spawned.ended().register_waiter(last);
  {
    const std::lock_guard lock(mutex);
    closing = true;
  }
  spawned.leave();
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
  if (timer.heap_index == timer_op::not_queued) return;
  state_->timers.erase(timer);
  state_->ready.push(timer);
  state_->wake_one();
}

}  // namespace fanout
