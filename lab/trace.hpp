// SPDX-License-Identifier: Apache-2.0
// Runs on a timeline, in the format of Chrome's traces, which ui.perfetto.dev and chrome://tracing open. Pure.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "lab/record.hpp"

namespace lab {

/// Who runs tasks, by its kernel's numbers: a thread of the host, or a process with all its threads.
struct worker_identity {
  pid_t process = 0, thread = 0;
};

/// From at_ns on a thread waits for its interpreter's lock, holds it, or neither.
struct gil_change {
  enum class relation { neither, waits, holds };
  pid_t thread;
  relation now;
  std::int64_t at_ns;
};

/// What all threads of a host and its descendants have used until at_ns, since somebody first looked.
struct load_sample {
  std::int64_t at_ns;
  double cpu_s, runq_s;  // on a CPU; able to run, and waiting for one
};

/// A run that was watched closely. Times in nanoseconds are on CLOCK_MONOTONIC; those of `run` since started_ns.
struct timeline {
  std::string name{};
  run_record run{};
  pid_t host = 0;
  std::int64_t started_ns = 0;
  std::vector<worker_identity> workers{};  // as in run.workers
  std::vector<gil_change> gil{};           // those of one thread in their order
  std::uint64_t gil_lost = 0;              // how many more there were, after these
  std::vector<load_sample> load{};
};

/// Takes over "trace" of what the host wrote (host_process.hpp). Throws std::exception if that is not as it should be.
void read_trace(std::string_view line, timeline& watched);

/// A trace in which each run is a process, from 0 on, and each of its workers a track: set-up, tasks, waits for the
/// GIL. Tasks that overlap on one worker are asynchronous events. Who holds the GIL has a track of its own, the load of
/// the CPUs are counters. `about`, an object, goes into "otherData".
nlohmann::ordered_json to_trace(const std::vector<timeline>& runs, const nlohmann::json& about);

}  // namespace lab
