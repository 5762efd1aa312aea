// SPDX-License-Identifier: Apache-2.0
// What coroutines run on: a scheduler takes ops, at once or at a deadline, and runs each of them once.
#pragma once

#include <atomic>
#include <concepts>
#include <cstdint>
#include <memory>

#include "fanout/detail/compiler.hpp"
#include "fanout/duration.hpp"

namespace fanout {

/// A piece of work that is linked into queues as it is: every awaiter embeds one, so suspending allocates nothing.
/// From post() until `run` is called it belongs to the scheduler; from then on it may be destroyed.
struct op {
  using run_fn = void (*)(op&) noexcept;

  explicit op(run_fn f) noexcept : run(f) {}
  op(const op&) = delete;
  op& operator=(const op&) = delete;

  run_fn run;
  op* next = nullptr;
};

namespace detail {
class attended;
class spawn_scope;
class timer_heap;
}  // namespace detail

/// An op that becomes due. While it is armed its fields are the scheduler's.
struct timer_op : op {
  using op::op;

  /// Is it in a scheduler's detail::timer_heap? To be asked where that is guarded.
  bool queued() const noexcept { return place_ != nowhere; }

  /// True for the first who asks, its deadline or expedite(): who claims it queues it. From any thread.
  bool claim() noexcept { return (word_.fetch_or(is_claimed, std::memory_order_acq_rel) & is_claimed) == 0; }

  time_point deadline{};

 protected:
  /// For who derives from it, beside the flags: the address of something that is aligned to 4 bytes at least.
  void* owner() const noexcept {
    return reinterpret_cast<void*>(word_.load(std::memory_order_relaxed) & ~(is_claimed | is_second));
  }
  /// Before it is armed.
  void set_owner(void* owner) noexcept {
    word_.store(reinterpret_cast<std::uintptr_t>(owner), std::memory_order_relaxed);
  }
  /// Two may call this, each once: true for the second, who sees all that the first wrote before.
  bool is_second_to_arrive() noexcept {
    return (word_.fetch_or(is_second, std::memory_order_acq_rel) & is_second) != 0;
  }

 private:
  friend class detail::timer_heap;

  static constexpr std::uintptr_t is_claimed = 1, is_second = 2;
  static constexpr std::uintptr_t nowhere = 0;

  std::uintptr_t place_ = nowhere;
  union {  // in the run, in the heap
    timer_op* later_;
    std::uint64_t sequence_ = 0;
  };
  std::atomic<std::uintptr_t> word_ = 0;  // the owner and two flags, each of which pairs with itself
};

/// The interface behind event_loop, thread_pool and serial_executor.
class scheduler {
 public:
  /// Runs `work` soon, after what was posted before it. From any thread.
  virtual void post(op& work) noexcept = 0;

  /// Runs `work` soon, for one who will wait for it, and after whom there is no order to keep. From any thread.
  virtual void fork(op& work) noexcept { post(work); }
  /// The same, for a while: what stands for work that the one who offers it may do itself before another comes. False:
  /// this thread has no place for it here; then nothing has happened.
  virtual bool offer(op&) noexcept { return false; }
  /// Takes back what this thread has offered or forked last. False: somebody else has taken it, or it is not the last.
  virtual bool withdraw(op&) noexcept { return false; }
  /// Forks the ops that are linked from `first` to `last`; one thread begins them in their order. From any thread.
  virtual void fork_all(op& first, op& last) noexcept;

  /// Runs `timer` once, at `deadline` or soon after; soon if that has passed. From a thread of this scheduler.
  virtual void post_at(time_point deadline, timer_op& timer) = 0;

  /// Brings a timer forward: it runs soon instead of at its deadline. Does nothing if it is running or about to.
  /// The caller sees to it that `timer` lives until this returns. From any thread.
  virtual void expedite(timer_op& timer) noexcept = 0;

  /// For the parts of fanout, as are the next ones. Can it attend() now? Asked on a thread of this scheduler.
  virtual bool may_attend() const noexcept { return false; }
  /// If it may: from now on its thread attends to `what` whenever it sleeps.
  virtual void attend(std::shared_ptr<detail::attended> what) noexcept;
  /// No longer, if that is what it attends to. On a thread of this scheduler.
  virtual void forget(const detail::attended&) noexcept {}

  /// What spawn() adds tasks to; null while nothing runs here.
  detail::spawn_scope* spawned() const noexcept { return spawned_; }
  /// Set by whoever runs the scheduler, before any of its threads runs an op.
  void set_spawned(detail::spawn_scope* scope) noexcept { spawned_ = scope; }

 protected:
  scheduler() = default;
  scheduler(const scheduler&) = delete;
  scheduler& operator=(const scheduler&) = delete;
  ~scheduler() = default;

 private:
  detail::spawn_scope* spawned_ = nullptr;
};

/// What a coroutine can run on: it takes ops, now and at a deadline.
template <class E>
concept executor = std::derived_from<E, scheduler> && requires(E& e, op& work, timer_op& timer, time_point deadline) {
  e.post(work);
  e.post_at(deadline, timer);
};

}  // namespace fanout
