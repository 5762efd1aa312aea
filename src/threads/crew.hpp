// SPDX-License-Identifier: Apache-2.0
// The threads of a pool: who works, who sleeps, who waits for whom, and when all is over.
#pragma once

#include <pthread.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "fanout/detail/spawn_scope.hpp"
#include "fanout/duration.hpp"
#include "fanout/executor.hpp"
#include "fanout/pool_stats.hpp"
#include "threads/event_count.hpp"
#include "threads/inbox.hpp"

namespace fanout::detail {

class worker;

/// A pool has so many places, and a thread that works has one. A thread, and where it is counted:
///
///     spare ── a place is given to it ──▶ works ── block ──▶ blocked ── give_place_away ──▶ away
///       ▲                                 │  ▲ ▲               │                             │
///       └─ one too many, nothing to run ──┘  │ └─ its result ──┘                             │
///                                            └─ its result: it takes a place, maybe too many ┘
///
/// A worker that waits for work of its own pool runs what it has made itself, and what it waits for if that has not
/// begun. Nothing else: whatever it ran instead would lie on top of it on its stack, and if that came to wait for the
/// task below, neither could ever go on. So when there is nothing of that kind it sleeps, and if it does so for long,
/// or is the last who could work, another thread takes its place. So no task is ever kept from running by tasks that
/// wait, and none lies on top of one that has nothing to do with it.
///
/// The pool is over when it closes, every place is asleep, nobody is blocked or away, and nothing is left in the queues
/// or spawned: then there is nobody left who could make work.
class crew {
 public:
  struct plan {
    unsigned places;
    std::string name;
    std::size_t stack_size;
  };

  /// Throws std::system_error if a thread cannot be started.
  crew(scheduler& pool, plan p);
  /// After stop().
  ~crew();

  // --- work, from any thread

  // False: it is over, and nothing has happened.

  /// In its turn: after what was put in before.
  bool enqueue(op& work) noexcept { return inbox_.push(work); }
  bool enqueue_all(op& first, op& last) noexcept { return inbox_.push_all(first, last); }
  /// Soon: a worker's own first, the newest before all.
  bool fork(op& work) noexcept;
  /// Like fork, by a worker; false by anybody else.
  bool offer(op& work) noexcept;
  /// By a worker: what it has forked last, if nobody has taken that.
  bool withdraw(op& work) noexcept;

  inbox& queue() noexcept { return inbox_; }
  spawn_scope& spawned() noexcept { return spawned_; }

  // --- the end

  /// Closes: when nothing is left the threads end.
  void close() noexcept;
  /// One more thread than there are places, until there is nothing to run.
  void lend_a_hand() noexcept;
  /// False: it was not over by the deadline. Null: waits for as long as it takes.
  bool wait_until_over(const time_point* deadline) noexcept;
  /// Waits for that, and for the threads.
  void stop() noexcept;

  unsigned places() const noexcept { return plan_.places; }
  pool_stats stats() const noexcept;

 private:
  friend class worker;

  // A task that waits costs a thread only if it does so for longer than starting one takes a hundred times over; and
  // longer, the more do so: whoever takes a place may find nothing but tasks that wait in their turn.
  static constexpr auto least_patience = std::chrono::milliseconds(5);
  // More than that are not started; then the last who could work runs whatever there is on top of itself.
  static constexpr std::size_t most_extra_threads = 256;

  /// One who is blocked or away, on its stack.
  struct waiting {
    const std::atomic<std::uint32_t>& woken;  // 1: what it waits for is there
    waiting* before = nullptr;
    waiting* after = nullptr;
  };
  /// Of one who is blocked.
  struct blocked_place {
    bool others_work;  // false: nobody else could
    duration patience;
  };

  worker* here() const noexcept;
  bool fork_by(worker* me, op& work) noexcept;
  bool work_visible() const noexcept;
  op* steal(worker& thief) noexcept;

  // Places. All under `mutex_`, but for a look at `placed_`.
  bool one_too_many() const noexcept { return placed_.load(std::memory_order_relaxed) > plan_.places; }
  blocked_place begin_to_block(waiting& me) noexcept;
  blocked_place ask_again() const noexcept;
  blocked_place blocked_place_locked() const noexcept;
  bool one_can_work_locked(unsigned placed) const noexcept;
  void end_to_block(waiting& me) noexcept;
  bool give_place_away() noexcept;
  void take_place(waiting& me) noexcept;
  void forget(waiting& me) noexcept;
  bool become_spare(worker& me) noexcept;

  bool start_thread() noexcept;
  void end_if_over() noexcept;
  void end_if_over_locked() noexcept;
  bool closing() const noexcept { return closing_.load(std::memory_order_seq_cst); }
  bool over() const noexcept { return over_.load(std::memory_order_seq_cst) != 0; }

  scheduler& pool_;
  const plan plan_;
  spawn_scope spawned_{spawn_scope::counted_by::many};
  event_count sleepers_;
  inbox inbox_{sleepers_};

  // So that thieves need no lock: room for all there may ever be, and how many there are.
  const std::unique_ptr<std::atomic<worker*>[]> workers_;
  alignas(64) std::atomic<std::size_t> worker_count_ = 0;
  std::atomic<unsigned> placed_ = 0;  // threads that have a place
  std::atomic<bool> closing_ = false;
  std::atomic<std::uint32_t> over_ = 0;  // 1: whoever waits for it sleeps on it

  alignas(64) mutable std::mutex mutex_;
  unsigned blocked_ = 0;  // of those that have a place
  unsigned away_ = 0;
  waiting* waiting_ = nullptr;  // all that are blocked or away, the newest first
  std::vector<worker*> spares_;
  std::vector<pthread_t> threads_;
  std::vector<std::unique_ptr<worker>> owned_;
  std::mutex stopping_;  // whoever joins the threads
};

}  // namespace fanout::detail
