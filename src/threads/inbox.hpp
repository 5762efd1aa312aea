// SPDX-License-Identifier: Apache-2.0
// What a pool is given from outside, what is to wait its turn, and its timers.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <limits>
#include <mutex>

#include "core/timer_heap.hpp"
#include "fanout/executor.hpp"
#include "threads/event_count.hpp"
#include "threads/op_bundles.hpp"
#include "threads/sync.hpp"

namespace fanout::detail {

/// First in, first out, under one lock. Whoever puts something in is done with the pool when it unlocks: what it has
/// put in cannot run before that, and may be the pool's last. Only then does it wake a worker, by an address.
class inbox {
 public:
  explicit inbox(event_count& workers) noexcept : workers_(workers) {}

  /// False: it is closed.
  bool push(op& work) noexcept { return push_all(work, work, 1); }

  /// Linked from `first` to `last`.
  bool push_all(op& first, op& last) noexcept {
    std::size_t count = 1;
    for (const op* work = &first; work != &last; work = work->next) ++count;
    return push_all(first, last, count);
  }

  /// From now on it takes nothing; unless there is something.
  bool close_if_empty() noexcept {
    const std::lock_guard lock(mutex_);
    if (queue_.empty()) closed_ = true;
    return closed_;
  }

  static constexpr std::size_t most_taken = 32;

  /// The oldest, but no more than about one of `sharers` parts of what is there.
  op_chain take(std::size_t sharers) noexcept {
    const std::lock_guard lock(mutex_);
    const std::size_t there = count_.load(std::memory_order_relaxed);
    const op_chain taken = queue_.take(std::min({there, most_taken, there / sharers + 1}));
    count_.store(there - taken.count, std::memory_order_relaxed);
    return taken;
  }

  /// seq_cst: see event_count.
  std::size_t count() const noexcept { return count_.load(std::memory_order_seq_cst); }

  // --- timers

  static constexpr time_point never = time_point::max();

  void arm(timer_op& timer, time_point deadline) {
    parker* woken = nullptr;
    {
      const std::lock_guard lock(mutex_);
      timers_.insert(timer, deadline);
      if (&timers_.earliest() != &timer) return;
      note_earliest();
      woken = workers_.begin_notify_of_time();
    }
    event_count::end_notify(woken);
  }

  /// It runs now, if it is armed.
  void expedite(timer_op& timer) noexcept {
    parker* woken = nullptr;
    {
      const std::lock_guard lock(mutex_);
      if (!timer.queued()) return;
      timers_.erase(timer);
      note_earliest();
      queue_.push(timer);
      count_up(1);
      woken = workers_.begin_notify();
    }
    event_count::end_notify(woken);
  }

  /// The deadline of the earliest timer. seq_cst: who goes to sleep looks here after it has become the timekeeper, who
  /// arms looks for a timekeeper after it has written this.
  time_point earliest() const noexcept { return earliest_.load(std::memory_order_seq_cst); }

  bool armed() const noexcept { return earliest_.load(std::memory_order_relaxed) != never; }
  bool due() const noexcept { return armed() && earliest() <= std::chrono::steady_clock::now(); }

  void take_due() noexcept {
    const std::lock_guard lock(mutex_);
    struct {
      op_bundles<most_taken>& queue;
      std::size_t count = 0;
      void push(timer_op& timer) noexcept {
        queue.push(timer);
        ++count;
      }
    } due{queue_};
    timers_.take_due(due);
    count_up(due.count);
    note_earliest();
  }

 private:
  bool push_all(op& first, op& last, std::size_t count) noexcept {
    parker* woken = nullptr;
    {
      const std::lock_guard lock(mutex_);
      if (closed_) return false;
      queue_.push_all(first, last, count);
      count_up(count);
      woken = workers_.begin_notify();
    }
    event_count::end_notify(woken);
    return true;
  }

  void count_up(std::size_t by) noexcept {
    count_.store(count_.load(std::memory_order_relaxed) + by, std::memory_order_seq_cst);  // pairs with count()
  }
  void note_earliest() noexcept {
    earliest_.store(timers_.empty() ? never : timers_.earliest().deadline, std::memory_order_seq_cst);
  }

  // Which of these share a cache line matters: on the first, whoever puts something in writes three; the last one is
  // read by every worker before every op, and must stay in its cache meanwhile.
  event_count& workers_;
  alignas(64) adaptive_mutex mutex_;    // guards the queue and the timers; event_count's is taken inside of it
  std::atomic<std::size_t> count_ = 0;  // written under the lock
  op_bundles<most_taken> queue_;
  timer_heap timers_;
  bool closed_ = false;
  alignas(64) std::atomic<time_point> earliest_ = never;  // written under the lock
};

}  // namespace fanout::detail
