// SPDX-License-Identifier: Apache-2.0
// One measurement = one fresh process, the host. This starts it, listens to it, watches its memory, and sees it out.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace lab {

/// A line printed by the host or by one of its descendants.
struct output_line {
  pid_t sender;
  bool from_host;  // false: a descendant printed it
  int stream;      // 1 or 2
  std::string_view text;
};

/// The host has its own process group, dies with this process (and all that descends from it: guardian.hpp), reads
/// nothing (/dev/null), inherits no other descriptor, and finds in the environment FANOUT_RECORD_FD: the pipe to which
/// it writes its record, one line of JSON, and then exits:
///
///   {"error": why nothing was measured}, or
///   {"wall_s", "cpu_user_s", "cpu_sys_s", "ctx", "faults", "mem": as meter::finish() has them,
///    "tasks": [{"start_s", "end_s", "ok", "type", "value", "worker"}, or {"ok": false, "error", "summary"}],
///    "workers": [{"cpu_s", "runq_s", "voluntary", "gil_s", "pid", "vmhwm_bytes"}],
///    "gil": {"wait_s", "switch_s", "runq_s", "waits", "max_wait_s", "method"} or {"unavailable": why}, "loop":
///    {"max_lag_s"}, "shipped_bytes",
///    "trace": {"started_ns", "workers": [{"process", "thread"}], "gil": [[thread, relation, at_ns]], "gil_lost"}}
///
/// A task's "worker" is the place of who ran it in "workers"; what those have is as costs_since() (worker_meter.hpp)
/// has it, from the start of a worker's first task until the clock stopped. A host adds shares that it alone knows of:
/// "gil_s", the time for which a worker waited for its interpreter's lock, and "gil", that of all its threads. If there
/// is such a lock, and the host cannot tell that time, "gil" says why: what was waited for the lock is then among what
/// the worker was blocked for. A host without such a lock leaves out both. Where tasks are child processes, what those
/// have used is added to the worker that waited for them; one that waits for several at the same time is as many
/// workers. Whatever has not been measured is left out.
///
/// A host that finds FANOUT_TRACE in its environment adds "trace", and takes it out: when its clock started (on
/// CLOCK_MONOTONIC), and the kernel's numbers of its workers' processes and threads. "gil": from when on a thread
/// waited for its interpreter's lock (relation 1), held it (2), or neither (0); "gil_lost": how many more such changes
/// there were than could be kept.
struct host_request {
  std::vector<std::string> command;           // argv[0] first; searched in PATH
  std::vector<std::string> environment = {};  // "NAME=value", added to ours
  std::function<void(const output_line&)> on_line = [](const output_line&) {};
  std::function<void()> on_tick = [] {};    // while it runs, about ten times a second
  std::function<void(pid_t host)> watch{};  // about a hundred times, less often where it takes long; none: never
  std::chrono::nanoseconds timeout{};       // from its start to its record; none: as long as it takes
};

struct host_outcome {
  std::string record;                // without its line break; empty if none came
  int wait_status = 0;               // as from waitpid()
  bool timed_out = false;            // it was ended because its record had not come in time
  std::uint64_t pss_peak_bytes = 0;  // largest sum over the tree in the samples; 0 if there was none
  unsigned pss_samples = 0;          // at 5, 10, 20, 40, 80 ms, then every 100 ms
  pid_t host = 0;
  std::map<pid_t, std::uint64_t> vmhwm_bytes;  // the peak of each process, as far as the samples have seen it
  std::map<std::string, std::uint64_t> perf;   // hardware counters, from the host's exec to its record
};

/// Runs a host from start to end. When it returns or throws, the host and all that descends from it are gone: what is
/// left of it is killed, and so is a host that has not ended 5 s after its record, or has none when its time is up.
/// This ends *every* child process of the caller, which must be a subreaper (become_subreaper()) and start only hosts.
/// Throws cannot_start (guardian.hpp), and interrupted if a signal came (interruption.hpp).
host_outcome run_host(const host_request& request);

/// "SIGSEGV (segmentation fault)" or "exit code 3": how a process ended, for messages.
std::string describe_exit(int wait_status);

}  // namespace lab
