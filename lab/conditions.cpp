// SPDX-License-Identifier: Apache-2.0
// Readers of /proc/stat and of the cpu.stat of cgroups.
#include "lab/conditions.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>

#include "core/cgroup.hpp"

namespace lab {

namespace {

std::optional<machine_counters::cpu_times> cpu_times_in(const std::string& file) {
  std::ifstream in(file);
  std::string name;
  double user = 0, nice = 0, system = 0, idle = 0, iowait = 0, irq = 0, softirq = 0, steal = 0;
  // Guests' time, which comes next, is within that of users.
  if (!(in >> name >> user >> nice >> system >> idle >> iowait >> irq >> softirq >> steal) || name != "cpu")
    return std::nullopt;
  const double second = static_cast<double>(sysconf(_SC_CLK_TCK));
  return machine_counters::cpu_times{.busy = (user + nice + system + irq + softirq) / second,
                                     .idle = (idle + iowait) / second,
                                     .stolen = steal / second};
}

double cpu_seconds(__rusage_who who) {
  rusage usage{};
  getrusage(who, &usage);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + 1e-6 * static_cast<double>(t.tv_usec);
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

/// The number after "nr_throttled".
std::optional<std::int64_t> throttled_in(const std::string& file) {
  std::ifstream in(file);
  std::string name;
  for (std::int64_t value = 0; in >> name >> value;)
    if (name == "nr_throttled") return value;
  return std::nullopt;
}

/// Each of the groups may have a quota.
std::optional<std::int64_t> throttled_so_far(const std::string& root) {
  std::optional<std::int64_t> sum;
  for (const std::string& directory : fanout::detail::cpu_cgroups(root))
    if (const auto count = throttled_in(directory + "/cpu.stat")) sum = sum.value_or(0) + *count;
  return sum;
}

}  // namespace

machine_counters read_machine_counters(const std::string& root) {
  return {.cpu = cpu_times_in(root + "/proc/stat"),
          .ours_s = cpu_seconds(RUSAGE_SELF) + cpu_seconds(RUSAGE_CHILDREN),
          .throttled = throttled_so_far(root)};
}

round_conditions conditions_between(const machine_counters& before, const machine_counters& after) {
  round_conditions found;
  if (before.throttled && after.throttled) found.throttled = *after.throttled - *before.throttled;
  if (!before.cpu || !after.cpu) return found;
  const double busy = after.cpu->busy - before.cpu->busy, stolen = after.cpu->stolen - before.cpu->stolen;
  const double all = busy + stolen + after.cpu->idle - before.cpu->idle;
  // The kernel counts in ticks of 10 ms: what is less than a few of them is not known.
  constexpr double least_s = 0.05;
  const double others = busy - (after.ours_s - before.ours_s);
  const auto share = [&](double part) { return all > 0 && part > least_s ? part / all : 0; };
  found.steal = share(stolen);
  found.others = share(others);
  return found;
}

}  // namespace lab
