// SPDX-License-Identifier: Apache-2.0
// What the CPU itself counts, where it does: cycles, instructions and cache misses of a process and all it starts.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "lab/file_descriptor.hpp"

namespace lab {

/// One thing that perf_event_open(2) can count.
struct hardware_event {
  std::string name;
  std::uint32_t type;
  std::uint64_t number;
};

/// cycles, instructions, cache_misses.
const std::vector<hardware_event>& usual_hardware_events();

/// Counts in user mode only, which needs no privilege, from its making on: in `process`, and in all threads and
/// processes that it starts from then on. Where there is nothing to count with, nothing is counted and nothing fails.
class hardware_counters {
 public:
  explicit hardware_counters(pid_t process, const std::vector<hardware_event>& events = usual_hardware_events());

  struct count {
    std::string name;
    std::uint64_t value;
  };
  /// Also after the process has ended. Where more is counted than the CPU has counters for, they take turns, and the
  /// values are extrapolated.
  std::vector<count> read() const;

 private:
  struct counter {
    std::string name;
    file_descriptor file;
  };
  std::vector<counter> counters_;
};

/// Why nothing is counted here: "n/a: no hardware counters here, as in most virtual machines"; nothing if it is.
std::optional<std::string> why_no_hardware_counters();

}  // namespace lab
