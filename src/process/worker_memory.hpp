// SPDX-License-Identifier: Apache-2.0
// What a program and one of its workers share: two rings, and a few words. No lock, and nothing that either needs the
// other to have left in order: the worker may die at any instruction.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "crash_record.hpp"
#include "descriptor.hpp"
#include "ring.hpp"
#include "shared_futex.hpp"
#include "shared_memory.hpp"

namespace fanout::detail {

/// How far a worker is with one run that it was sent. Both sides change it by atomic additions, so that of each item
/// it is known whether it was begun or taken back: never both, never neither.
///
///     items begun:  0 ──▶ 1 ──▶ … ──▶ all          the worker, before each
///                     │     │
///                     └─────┴──▶ recalled          the program, at any time: no further item begins
class run_word {
 public:
  /// Worker: may it begin another item?
  bool begin_item() noexcept { return (word_.fetch_add(1, std::memory_order_acq_rel) & recalled_bit) == 0; }
  /// Program: none begins after this. Returns how many have begun, as the worker says.
  std::uint64_t recall() noexcept {
    const std::uint64_t before = word_.fetch_or(recalled_bit, std::memory_order_acq_rel);
    return before & ~recalled_bit;
  }
  std::uint64_t begun() const noexcept { return word_.load(std::memory_order_acquire) & ~recalled_bit; }
  /// Program: before the run is sent.
  void reset() noexcept { word_.store(0, std::memory_order_relaxed); }

 private:
  static constexpr std::uint64_t recalled_bit = std::uint64_t{1} << 63;
  std::atomic<std::uint64_t> word_;
};

/// Runs that a worker may have been sent and not have done with.
inline constexpr std::size_t most_runs_in_flight = 64;

/// Told apart, since to wake a worker for what it does not wait for costs two switches.
enum class awaited_by_worker : std::uint32_t { nothing, input, room };

/// At the beginning. Zeroes are its initial state.
struct worker_page {
  ring_indices to_worker;
  ring_indices to_program;

  /// Not `nothing`: the worker sleeps, or is about to, on this word, until that happens which it says. Set by the
  /// worker (seq_cst, then it looks once more), cleared by who wakes it (seq_cst, after it looked).
  alignas(64) std::atomic<awaited_by_worker> worker_sleeps;
  /// 1: the program has more to send than there was room for; the worker clears it, and rings, when it has taken
  /// something. The same way round.
  std::atomic<std::uint32_t> program_wants_room;
  /// 1: the program could not map the slab of the frame that it took last. Set before the ring's head passes that
  /// frame, which publishes it; cleared by the worker before it sends one.
  std::atomic<std::uint32_t> slab_is_refused;

  /// Hints, each alone: the CPU on which the worker was when it last waited for input, and the program when it sent
  /// some.
  std::atomic<std::uint32_t> worker_cpu, program_cpu;

  /// By number of the run, modulo. A run's word is not used again before the worker has reported that it is done.
  alignas(64) run_word runs[most_runs_in_flight];

  /// When the worker began the item that it is at, if that item's time is limited: nanoseconds of the steady clock.
  /// Release by the worker before it begins the item; acquire by the program, which believes it within limits.
  alignas(64) std::atomic<std::int64_t> item_began;

  /// The program asks this run's function to stop; the worker's listener sleeps on the bell.
  alignas(64) std::atomic<std::uint64_t> run_to_stop;  // release with the bell, acquire by the listener
  std::atomic<std::uint32_t> stop_bell;

  /// What the worker says of its crash.
  crash_record crash;
};

/// What all workers of a program may read, and only read.
struct program_page {
  /// Odd: nobody is looking at the rings: whoever has something for the program rings for it, once for each such
  /// number. Set by the program (seq_cst, then it looks once more); read by a worker (seq_cst) after it has published.
  std::atomic<std::uint64_t> sleeps;

  static constexpr std::uint64_t asleep = 1;   // this bit: odd
  static constexpr std::uint64_t by_word = 2;  // with it: who watches sleeps on the leader's bell, else on the doorbell
};

/// What a thread sleeps on that blocks for a result: a futex, as it costs half of what an eventfd does. All workers can
/// write to it; the worst that nonsense does is to wake the thread.
struct leader_bell {
  /// Not 0: rung. Set by who rings, who then wakes; cleared by who sleeps on it, before it looks at all that rings may
  /// have been for (both seq_cst).
  std::atomic<std::uint32_t> rung;

  void ring() noexcept {
    rung.store(1, std::memory_order_seq_cst);
    shared_futex_wake(rung);
  }
};

/// Both rings are of this size.
inline constexpr std::size_t ring_bytes = std::size_t{256} << 10;

/// One side's view of it.
class worker_memory {
 public:
  /// Maps what make() has made. Throws std::system_error.
  explicit worker_memory(const descriptor& memory);
  static descriptor make();

  worker_page& page() const noexcept { return *reinterpret_cast<worker_page*>(area_.data()); }
  ring_view to_worker() const noexcept;
  ring_view to_program() const noexcept;

 private:
  mapping area_;
};

}  // namespace fanout::detail
