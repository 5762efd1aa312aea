// SPDX-License-Identifier: Apache-2.0
// Everything one experiment found out, as data and as JSON. What it means is in analysis.hpp.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lab/conditions.hpp"
#include "lab/statistics.hpp"

namespace lab {

/// Which form records have as JSON: schema/fanout-result-1.json describes it. Keys may be added to it; a change that
/// breaks readers gets the next number.
inline constexpr std::string_view record_schema = "fanout-result-1.json";

/// What one task did. Times in seconds since the clock of its run started.
struct task_report {
  bool ok = false;
  double start_s = 0, end_s = 0;
  std::string type{};                   // "int", "float", "str", "none", "bool", or another type's name
  nlohmann::json value{};               // integers as decimal strings of any length
  std::string error{};                  // if not ok
  std::string summary{};                // the error in a line, if the host knows one
  std::optional<std::size_t> worker{};  // which of its run's workers ran it
};

/// What a worker used from the start of its first task until the clock stopped: a thread, or a process with all its
/// threads. What is not known of it is nothing.
struct worker_report {
  std::optional<double> cpu_s{};
  std::optional<double> runq_s{};           // it could run, and waited for a CPU
  std::optional<double> gil_s{};            // it waited for its interpreter's lock, of hosts that can tell
  std::optional<std::int64_t> voluntary{};  // how often it slept
};

/// How the threads of a run have waited for the lock of their interpreter, in all, or why that is not known.
struct gil_report {
  double wait_s = 0, switch_s = 0;  // asleep; switch_s of it as a holder that was asked for it, until it was taken
  double runq_s = 0;                // more, until they had a CPU again
  std::uint64_t waits = 0;
  double max_wait_s = 0;
  std::string method{};
  std::string unavailable{};  // then nothing else means anything
};

/// One model, once: one process. Costs are meaningful only without an error.
struct run_record {
  std::string model{};
  unsigned round = 0, position = 0;  // from 1; round 0: it warmed up
  std::string error{};    // why it failed: a task's error, or what became of the host; empty if all went well
  std::string summary{};  // of that error, if its host gave one
  double wall_s = 0, setup_s = 0, cpu_user_s = 0, cpu_sys_s = 0;
  std::int64_t voluntary_switches = 0, involuntary_switches = 0;
  std::int64_t minor_faults = 0, major_faults = 0;
  std::uint64_t vmhwm_bytes = 0, pss_peak_bytes = 0;
  unsigned pss_samples = 0;
  std::uint64_t vmhwm_tree_bytes = 0;                    // the sum of the peaks of all processes: an upper bound
  std::map<std::string, std::uint64_t> perf{};           // hardware counters by name; empty: none here
  std::optional<std::uint64_t> shipped_bytes{};          // arguments and results that went between processes
  std::optional<double> max_lag_s{};                     // the longest time for which the event loop was late
  std::optional<gil_report> gil{};                       // of models whose threads share an interpreter
  std::map<std::int64_t, std::uint64_t> worker_peaks{};  // VmHWM by pid, from the host; not in the JSON
  std::vector<worker_report> workers{};
  std::vector<task_report> tasks{};

  double cpu_s() const { return cpu_user_s + cpu_sys_s; }
  std::uint64_t peak_bytes() const { return std::max(vmhwm_bytes, pss_peak_bytes); }
};

struct unavailable_model {
  std::string model{}, reason{};
};

struct record {
  std::string version{}, started{};  // started: UTC, ISO 8601
  nlohmann::json machine{}, host{};  // host: workload::host()
  std::string title{};               // workload::title()
  nlohmann::json workload{};         // workload::describe()
  unsigned tasks = 0, workers = 0;
  std::uint64_t seed = 0;
  test_plan test{};
  unsigned warmups = 0;
  double timeout_s = 0, budget_s = 0;             // 0: none
  bool budget_spent = false;                      // that is why there were no more rounds
  bool interrupted = false;                       // there were to be more rounds: resume_experiment()
  std::vector<std::string> models{};              // as asked for
  std::string reference{};                        // only pairs with this model are compared; empty: all
  std::vector<unavailable_model> unavailable{};   // those that cannot run here
  std::vector<run_record> warmup_runs{};          // before the first round
  unsigned repeats = 1;                           // runs of each model in a round after the first look
  std::vector<std::vector<std::string>> order{};  // per round, the models in the order they ran
  std::vector<round_conditions> conditions{};     // per round
  std::vector<run_record> runs{};

  /// Of each model that did not fail.
  unsigned runs_in(unsigned round) const { return round > test.looks.front() ? repeats : 1; }
};

/// Takes over what the host wrote (host_process.hpp): costs and tasks, or its error. A line that is not such a record
/// becomes an error too.
void read_host_record(std::string_view line, run_record& run);

/// This second in UTC, ISO 8601: "2026-01-01T00:00:00Z".
std::string utc_now();

/// {"kernel", "cpu", "cpus_effective", "pmu"} of this machine; pmu: "yes", or why hardware counters are n/a.
nlohmann::json describe_machine();

/// The whole record with its summary, pairs and values, as `--format json` prints it. Nothing that was not measured is
/// in it. read_record() (record_reader.hpp) makes the same record of it.
nlohmann::ordered_json to_json(const record& experiment);

}  // namespace lab
