// SPDX-License-Identifier: Apache-2.0
// What one measurement costs, measured from inside the process that does it: wall and CPU time, context switches,
// memory.
#pragma once

#include <sys/resource.h>

#include <cstdint>
#include <nlohmann/json.hpp>

namespace lab {

/// Nanoseconds on CLOCK_MONOTONIC, which all processes of a machine share: tasks may be timed in worker processes.
std::int64_t now_ns();

/// The meter of a host process. In order: start() just before the model is set up, stop_clock() when the last result is
/// there, finish() after the pool is gone; only then have its processes been reaped, and count. Not thread-safe.
class meter {
 public:
  /// Zero for every time and count.
  void start();

  /// The end of the wall time, and of what counts of this process.
  void stop_clock();

  /// The costs since start():
  /// {"wall_s", "cpu_user_s", "cpu_sys_s", "ctx": {"voluntary", "involuntary"}, "faults": {"minor", "major"},
  ///  "mem": {"vmhwm_bytes"}}. Times in seconds; CPU, switches and faults of this process until stop_clock(), and of
  /// all it has reaped until now; vmhwm_bytes is the peak of this process alone (left out where /proc does not tell).
  nlohmann::json finish() const;

  /// When start() was called, as now_ns() has it.
  std::int64_t started_ns() const { return started_ns_; }

  /// A time from now_ns(), in seconds since start().
  double seconds_since_start(std::int64_t monotonic_ns) const;

 private:
  std::int64_t started_ns_ = 0;
  std::int64_t stopped_ns_ = 0;
  rusage self_{}, self_at_end_{};
  rusage children_{};
};

}  // namespace lab
