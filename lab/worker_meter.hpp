// SPDX-License-Identifier: Apache-2.0
// Where the time of one worker goes: a thread, or a process, that runs tasks. It notes where it stands before its first
// task; what became of it since is read from outside, when the clock has stopped and it still lives. So measuring costs
// the tasks nothing.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <vector>

namespace lab {

/// What a worker had used before its first task: that belongs to the set-up. Travels between processes as it is.
struct worker_start {
  pid_t process = 0, thread = 0;
  std::int64_t thread_cpu_ns = 0, process_cpu_ns = 0;
  std::int64_t run_delay_ns = 0;  // runnable, and waiting for a CPU: /proc/…/schedstat; -1: the kernel does not tell
  std::int64_t voluntary_switches = 0;  // how often it slept
};

/// Of the calling thread, as it stood at the first call, which takes some microseconds: a few less where the thread
/// has called prepare_this_worker() before. In a forked child of that thread it is that of the parent.
const worker_start& this_worker();

/// Before the clock starts, where it is known that this thread is the worker.
void prepare_this_worker();

/// {"cpu_s", "runq_s", "voluntary"}: what it has used since; of a worker in another process also {"pid",
/// "vmhwm_bytes"}, and its CPU time is that of all threads of its process. "runq_s" is left out where the kernel does
/// not tell. Nothing if it has ended. Takes 20 to 50 µs.
std::optional<nlohmann::json> costs_since(const worker_start& start);

/// VmHWM, the peak of a process's resident memory, in bytes; 0 if /proc does not tell. Not ru_maxrss: that one survives
/// exec, so a small process would show the peak of the one that started it.
std::uint64_t peak_bytes_of(pid_t process);

/// For how long the first thread of a process was runnable and waited for a CPU, in nanoseconds; -1: the kernel does
/// not tell. Also of one that has ended, until it is reaped.
std::int64_t run_delay_of(pid_t process);

/// Workers in the order in which they are met, for a host's record: each task names its worker by its place in it.
class worker_list {
 public:
  /// Its place; takes down what it has used, if it is new.
  std::size_t place_of(const worker_start& worker);

  /// {"cpu_s", …} of each; {} of one that was gone.
  const nlohmann::json& costs() const { return costs_; }

  /// {"process", "thread"} of each: their kernel's numbers.
  const nlohmann::json& identities() const { return identities_; }

 private:
  std::vector<pid_t> threads_;
  nlohmann::json costs_ = nlohmann::json::array(), identities_ = nlohmann::json::array();
};

}  // namespace lab
