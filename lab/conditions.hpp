// SPDX-License-Identifier: Apache-2.0
// What else the machine did while a round ran: whatever disturbs a measurement comes from there.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace lab {

/// Counters of the kernel, as they stand at one instant. What cannot be read is nothing.
struct machine_counters {
  /// CPU time of the whole machine since it started, in seconds: /proc/stat.
  struct cpu_times {
    double busy, idle;
    double stolen;  // the hypervisor gave it to other machines
  };
  std::optional<cpu_times> cpu{};
  double ours_s = 0;  // of `busy`, by this process and by all that it has started and that has ended: getrusage()
  std::optional<std::int64_t> throttled{};  // periods in which a quota stopped this process's cgroups: cpu.stat
};

/// The kernel's files are looked for below `root`: tests have their own.
machine_counters read_machine_counters(const std::string& root = "");

struct round_conditions {
  std::optional<double> steal{};   // shares of all CPU time of the machine: the hypervisor's,
  std::optional<double> others{};  // and that of processes which the experiment did not start
  std::optional<std::int64_t> throttled{};

  /// More than the noise of these counters and more than a measurement bears. Such a round is pointed out, never left
  /// out: leaving out rounds after the fact is how wrong results are made.
  bool stolen_from() const { return steal.value_or(0) > 0.01; }
  bool shared() const { return others.value_or(0) > 0.05; }
  bool held_back() const { return throttled.value_or(0) > 0; }
  bool disturbed() const { return stolen_from() || shared() || held_back(); }
};

/// Between two readings.
round_conditions conditions_between(const machine_counters& before, const machine_counters& after);

}  // namespace lab
