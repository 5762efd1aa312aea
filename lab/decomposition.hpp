// SPDX-License-Identifier: Apache-2.0
// Where the workers' time went: set-up, CPU, GIL, run queue, blocked, idle; and whether that adds up. Pure.
#pragma once

#include <optional>

namespace lab {

struct run_record;

/// Sums over workers, in seconds. A worker's time lasts from the start of the clock to its stop, so the sum of all is
/// workers × wall.
///
///   0           first task           …  last task's end      clock stops
///   ├── set-up ──┼── task ──┼─ idle ─┼── task ──┼─── idle ────┤
///                 └ cpu + gil + run queue + blocked
///
/// Set-up and idle time are of the tasks' own clock, CPU time of the CPU clock, the wait for a CPU of the scheduler,
/// and that for the GIL of the host. All of them are measured, each on its own. Blocked is what is left: Linux counts
/// it only for who is root. (What a worker computes between tasks, to fetch one say, is CPU time, not idle time.)
struct decomposition {
  double workers_s = 0;
  double setup_s = 0;    // before the worker's first task
  double cpu_s = 0;      // it computed
  double gil_s = 0;      // it waited for the interpreter's lock
  double runq_s = 0;     // it could run, and waited for a CPU
  double blocked_s = 0;  // it waited for anything else, in a task; for the GIL too if that is not known on its own
  double idle_s = 0;     // it had no task
  /// What does not add up. The parts exceed the whole by it (then it is negative); or something is left over of a
  /// worker that never slept, so cannot have been blocked: time that a hypervisor took, for one.
  double closure_error_s = 0;
  bool gil_inseparable = false;  // blocked_s includes the wait for the GIL

  double tasks_s = 0;  // in which at least one task was running on the worker: what is neither set-up nor between tasks

  decomposition& operator+=(const decomposition& other);
  double share(double part_s) const { return workers_s > 0 ? part_s / workers_s : 0; }
};

/// Nothing if the host did not tell what one of its workers used, or the kernel does not tell run-queue delays; nor for
/// runs under a millisecond, in which the reading of clocks shows.
std::optional<decomposition> decompose(const run_record& run);

}  // namespace lab
