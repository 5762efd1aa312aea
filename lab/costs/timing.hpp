// SPDX-License-Identifier: Apache-2.0
// Batches and the clock.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <functional>

#include "lab/costs/effort.hpp"

namespace lab::costs {

/// Seconds on a clock of the system: CLOCK_THREAD_CPUTIME_ID, or one from clock_getcpuclockid().
double read_clock(clockid_t clock);

/// Seconds that `run` takes.
double seconds_of(const std::function<void()>& run);

/// The CPU time of it. On a CPU that nobody else uses that is the same; on one that others use it is what counts here.
double cpu_seconds_of(const std::function<void()>& run);

/// Seconds per operation. `batch` does so many of them and returns the seconds that they took. One batch goes first
/// that does not count: caches, page tables and the allocator are as cold as they will never be again.
measurement time_batches(const effort& much, unsigned operations, const std::function<double(unsigned)>& batch);

/// The same, less what the `overhead` of as many operations takes: batches of both alternate, so that what disturbs the
/// machine disturbs both.
measurement time_batches(const effort& much, unsigned operations, const std::function<double(unsigned)>& batch,
                         const std::function<double(unsigned)>& overhead);

/// Memory of its own that a task works on between switches: one word of each cache line is changed. Empty: none.
class working_set {
 public:
  explicit working_set(std::size_t bytes) : words_(bytes / sizeof(std::uint64_t), 1) {}

  void touch() {
    constexpr std::size_t line = 64 / sizeof(std::uint64_t);
    for (std::size_t i = 0; i < words_.size(); i += line) ++words_[i];
    asm volatile("" : : "g"(words_.data()) : "memory");  // what was written is used, as far as the compiler can know
  }

 private:
  std::vector<std::uint64_t> words_;
};

}  // namespace lab::costs
