// SPDX-License-Identifier: Apache-2.0
#include "threads/crew.hpp"

#include <algorithm>
#include <cerrno>
#include <new>
#include <system_error>
#include <utility>

#include "fanout/detail/futex.hpp"
#include "threads/worker.hpp"

namespace fanout::detail {

crew::crew(scheduler& pool, plan p)
    : pool_(pool),
      plan_(std::move(p)),
      workers_(std::make_unique<std::atomic<worker*>[]>(plan_.places + most_extra_threads)) {
  pool_.set_spawned(&spawned_);
  placed_ = plan_.places;
  for (unsigned i = 0; i < plan_.places; ++i) {
    if (start_thread()) continue;
    const int error = errno;
    placed_ = i;
    stop();
    throw std::system_error(
        error, std::generic_category(),
        "thread_pool: cannot start thread " + std::to_string(i + 1) + " of " + std::to_string(plan_.places) +
            (plan_.stack_size != 0 ? " with stacks of " + std::to_string(plan_.stack_size) + " bytes" : ""));
  }
}

crew::~crew() = default;

worker* crew::here() const noexcept {
  thread_context* const context = context_of(&pool_);
  return context != nullptr ? &static_cast<worker::context*>(context)->self() : nullptr;
}

// --- work

bool crew::fork(op& work) noexcept { return fork_by(here(), work); }

bool crew::offer(op& work) noexcept {
  worker* const me = here();
  return me != nullptr && fork_by(me, work);
}

bool crew::fork_by(worker* me, op& work) noexcept {
  if (me == nullptr || !me->own_.push(work)) return inbox_.push(work);
  sleepers_.notify();
  return true;
}

bool crew::withdraw(op& work) noexcept {
  worker* const me = here();
  return me != nullptr && me->take_back(work);
}

bool crew::work_visible() const noexcept {
  if (inbox_.count() != 0 || inbox_.due()) return true;
  const std::size_t count = worker_count_.load(std::memory_order_acquire);
  for (std::size_t i = 0; i < count; ++i) {
    if (workers_[i].load(std::memory_order_relaxed)->has_work()) return true;
  }
  return false;
}

/// From the first who has something, beginning anywhere, so that thieves do not crowd.
op* crew::steal(worker& thief) noexcept {
  const std::size_t count = worker_count_.load(std::memory_order_acquire);
  thief.dice_ = thief.dice_ * 1664525U + 1013904223U;  // Numerical Recipes' generator: good enough to be uneven
  std::size_t victim = (thief.dice_ >> 8) % count;
  for (std::size_t i = 0; i < count; ++i, victim = victim + 1 < count ? victim + 1 : 0) {
    worker& other = *workers_[victim].load(std::memory_order_relaxed);
    if (&other == &thief) continue;
    if (op* const work = thief.steal_from(other)) return work;
  }
  return nullptr;
}

// --- places

crew::blocked_place crew::begin_to_block(waiting& me) noexcept {
  const std::lock_guard lock(mutex_);
  ++blocked_;
  me.after = waiting_;
  if (waiting_ != nullptr) waiting_->before = &me;
  waiting_ = &me;
  return blocked_place_locked();
}

crew::blocked_place crew::ask_again() const noexcept {
  const std::lock_guard lock(mutex_);
  return blocked_place_locked();
}

crew::blocked_place crew::blocked_place_locked() const noexcept {
  return {.others_work = one_can_work_locked(placed_.load(std::memory_order_relaxed)),
          .patience = std::min<duration>(least_patience * (1 + away_ * away_), std::chrono::seconds(1))};
}

/// Of so many with places, those who are blocked among them.
///
/// Whoever has been woken works as good as already, though on a busy machine its thread may not run for some time: if
/// others took its place meanwhile, each might well find a task that waits for it, and so on, until there are as many
/// threads as may be. No wake-up is overlooked that matters: a worker that wakes another does so before it blocks.
bool crew::one_can_work_locked(unsigned placed) const noexcept {
  if (blocked_ < placed) return true;
  for (const waiting* one = waiting_; one != nullptr; one = one->after) {
    if (one->woken.load(std::memory_order_relaxed) != 0) return true;
  }
  return false;
}

void crew::forget(waiting& me) noexcept {
  (me.before != nullptr ? me.before->after : waiting_) = me.after;
  if (me.after != nullptr) me.after->before = me.before;
}

void crew::end_to_block(waiting& me) noexcept {
  const std::lock_guard lock(mutex_);
  --blocked_;
  forget(me);
}

/// By one who is blocked. False: there is nobody to give it to. Nobody gets it if there are too many as it is: in a
/// long chain of tasks that wait, those who come back find no end of work and stay, and each would bring in another.
bool crew::give_place_away() noexcept {
  worker* heir = nullptr;
  {
    const std::lock_guard lock(mutex_);
    if (one_too_many() && one_can_work_locked(placed_.load(std::memory_order_relaxed))) {
      --placed_;
    } else if (spares_.empty()) {
      if (!start_thread()) return false;
    } else {
      heir = spares_.back();
      spares_.pop_back();
      heir->sleeper_.bed.signal();
    }
    --blocked_;
    ++away_;
  }
  if (heir != nullptr) parker::wake(heir->sleeper_.bed);
  return true;
}

void crew::take_place(waiting& me) noexcept {
  const std::lock_guard lock(mutex_);
  --away_;
  ++placed_;
  forget(me);
}

/// False: there is none too many any more, or all others wait.
bool crew::become_spare(worker& me) noexcept {
  const std::lock_guard lock(mutex_);
  if (!one_too_many() || over()) return false;
  if (!one_can_work_locked(placed_.load(std::memory_order_relaxed) - 1)) return false;
  spares_.push_back(&me);  // there is room: see start_thread
  --placed_;
  if (closing()) end_if_over_locked();
  return true;
}

void crew::lend_a_hand() noexcept {
  worker* hand = nullptr;
  {
    const std::lock_guard lock(mutex_);
    if (over()) return;
    ++placed_;
    if (!spares_.empty()) {
      hand = spares_.back();
      spares_.pop_back();
      hand->sleeper_.bed.signal();
    } else if (!start_thread()) {
      --placed_;
    }
  }
  if (hand != nullptr) parker::wake(hand->sleeper_.bed);
}

// --- threads

/// Under the lock, or while there is no thread yet; false, and errno, if there can be none.
bool crew::start_thread() noexcept {
  const std::size_t number = threads_.size();
  if (number == plan_.places + most_extra_threads) return false;
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  int error = plan_.stack_size != 0 ? pthread_attr_setstacksize(&attributes, plan_.stack_size) : 0;
  try {
    if (error == 0) {
      threads_.reserve(number + 1);
      spares_.reserve(number + 1);
      if (owned_.size() == number) {  // else it is left from an attempt that failed
        owned_.push_back(std::make_unique<worker>(*this, number));
        workers_[number].store(owned_.back().get(), std::memory_order_relaxed);
        worker_count_.store(number + 1, std::memory_order_release);  // pairs with the thieves' loads
      }
      struct start {
        static void* run(void* self) {
          auto& me = *static_cast<worker*>(self);
          pthread_setname_np(pthread_self(), me.all_.plan_.name.c_str());
          me.work();
          return nullptr;
        }
      };
      pthread_t thread;
      error = pthread_create(&thread, &attributes, &start::run, owned_.back().get());
      if (error == 0) threads_.push_back(thread);
    }
  } catch (const std::bad_alloc&) {
    error = ENOMEM;
  }
  pthread_attr_destroy(&attributes);
  errno = error;
  return error == 0;
}

// --- the end

void crew::end_if_over() noexcept {
  const std::lock_guard lock(mutex_);
  end_if_over_locked();
}

void crew::end_if_over_locked() noexcept {
  if (over() || blocked_ != 0 || away_ != 0 || sleepers_.sleeping() != placed_) return;
  if (work_visible() || !spawned_.empty() || !inbox_.close_if_empty()) return;
  over_.store(1, std::memory_order_seq_cst);  // pairs with over(), by whoever is about to sleep
  sleepers_.notify_all();
  for (worker* const spare : spares_) {
    spare->sleeper_.bed.signal();
    parker::wake(spare->sleeper_.bed);
  }
  futex_wake_all(over_);
}

void crew::close() noexcept {
  closing_.store(true, std::memory_order_seq_cst);  // pairs with closing(), by whoever has announced to sleep
  end_if_over();
}

bool crew::wait_until_over(const time_point* deadline) noexcept {
  while (!over()) {
    if (deadline == nullptr) {
      futex_wait(over_, 0);
    } else if (!futex_wait_until(over_, 0, *deadline)) {
      return over();
    }
  }
  return true;
}

void crew::stop() noexcept {
  close();
  wait_until_over(nullptr);
  const std::lock_guard one_at_a_time(stopping_);
  std::vector<pthread_t> threads;
  {
    const std::lock_guard lock(mutex_);
    threads.swap(threads_);
  }
  for (const pthread_t thread : threads) pthread_join(thread, nullptr);
}

pool_stats crew::stats() const noexcept {
  pool_stats now{.workers = places(), .queued = inbox_.count()};
  const std::size_t count = worker_count_.load(std::memory_order_acquire);
  for (std::size_t i = 0; i < count; ++i) {
    const worker& w = *workers_[i].load(std::memory_order_relaxed);
    now.queued += w.own_.size() + w.share_.size();
    now.completed += w.completed_.read();
    now.stolen += w.stolen_.read();
    now.sleeps += w.sleeps_.read();
  }
  const std::lock_guard lock(mutex_);
  now.threads = static_cast<unsigned>(threads_.size());
  const unsigned idle = sleepers_.sleeping() + blocked_;
  const unsigned placed = placed_.load(std::memory_order_relaxed);
  now.busy = placed > idle ? placed - idle : 0;
  return now;
}

}  // namespace fanout::detail
