// SPDX-License-Identifier: Apache-2.0
// What one thread of a pool has for itself, and does.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "core/look_habit.hpp"
#include "fanout/detail/this_thread.hpp"
#include "fanout/duration.hpp"
#include "fanout/executor.hpp"
#include "threads/crew.hpp"
#include "threads/event_count.hpp"
#include "threads/work_deque.hpp"

namespace fanout::detail {

class worker {
 public:
  worker(crew& all, std::size_t number) noexcept : all_(all), dice_(static_cast<std::uint32_t>(number) * 2654435761U) {}

  /// The thread's whole life.
  void work() noexcept;

  /// That this thread runs its pool's work, whatever else it is in the middle of.
  class context final : public thread_context {
   public:
    explicit context(worker& w) noexcept;
    worker& self() const noexcept { return worker_; }

    void may_wait() const override;
    bool run_own() noexcept override;
    void run(op& work) noexcept override;
    void block_until(const std::atomic<std::uint32_t>& flag, const time_point* deadline) noexcept override;

   private:
    void work_once(const std::atomic<std::uint32_t>& flag) noexcept;

    worker& worker_;
  };

 private:
  friend class crew;

  static constexpr auto turn = std::chrono::milliseconds(1);
  static constexpr int pauses_for_more = 10;  // a quarter of a microsecond, where a pause is 24 ns

  /// A number that its own thread counts up, and others read.
  class tally {
   public:
    void count() noexcept { count_.store(read() + 1, std::memory_order_relaxed); }
    std::uint64_t read() const noexcept { return count_.load(std::memory_order_relaxed); }

   private:
    std::atomic<std::uint64_t> count_ = 0;
  };

  void run(op& work) noexcept;
  void run_taken(op& work) noexcept;  // out of a queue
  bool take_back(const op& work) noexcept;
  op* find() noexcept;
  op* find_in_turn() noexcept;
  op* find_given() noexcept;
  op* steal_from(worker& other) noexcept;
  bool has_work() const noexcept { return !share_.empty() || !own_.empty(); }
  op* search() noexcept;
  op* next() noexcept;
  void end_search() noexcept;
  bool sleep() noexcept;

  crew& all_;
  work_deque own_;  // what its ops have forked
  basic_work_deque<native_sync, inbox::most_taken>
      share_;                                       // what it took out of the inbox; run from the oldest on, by anybody
  event_count::sleeper sleeper_;                    // its bed serves it as a spare, too
  work_deque::index made_from_ = 0;                 // what is in `own_` from here on was made by the op that runs now
  std::uint32_t since_look_ = 0, look_every_ = 64;  // calls of find()
  bool givens_turn_ = false;
  bool had_small_share_ = false;
  time_point next_turn_{};
  std::uint32_t dice_;
  look_habit habit_;  // of searching before it sleeps
  bool searching_ = false;
  tally completed_, stolen_, sleeps_;
};

}  // namespace fanout::detail
