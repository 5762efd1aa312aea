// SPDX-License-Identifier: Apache-2.0
#include "core/cgroup.hpp"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <limits>
#include <optional>
#include <sstream>
#include <string_view>

namespace fanout::detail {

namespace {

std::optional<double> number_in(const std::string& file) {
  std::ifstream in(file);
  double value;
  if (in >> value) return value;
  return std::nullopt;
}

/// CPUs granted by "QUOTA PERIOD" (v2's cpu.max; "max" means no limit).
std::optional<double> quota_v2(const std::string& directory) {
  std::ifstream in(directory + "/cpu.max");
  double quota, period;
  if (in >> quota >> period && period > 0) return quota / period;
  return std::nullopt;
}

/// CPUs granted by v1's cfs files; a quota of -1 means no limit.
std::optional<double> quota_v1(const std::string& directory) {
  const auto quota = number_in(directory + "/cpu.cfs_quota_us");
  const auto period = number_in(directory + "/cpu.cfs_period_us");
  if (quota && period && *quota > 0 && *period > 0) return *quota / *period;
  return std::nullopt;
}

/// The smallest quota of the group and all its ancestors: each of them limits what is below.
template <class Quota>
double smallest_quota(const std::string& mount, std::string group, Quota quota) {
  double smallest = std::numeric_limits<double>::infinity();
  for (;;) {
    if (const auto cpus = quota(mount + group)) smallest = std::min(smallest, *cpus);
    const auto slash = group.find_last_of('/');
    if (group.empty() || slash == std::string::npos) return smallest;
    group.resize(slash);
  }
}

bool names_cpu_controller(std::string_view controllers) {
  std::istringstream in{std::string(controllers)};
  for (std::string name; std::getline(in, name, ',');) {
    if (name == "cpu") return true;
  }
  return false;
}

double quota_of_all_groups(const std::string& root) {
  const std::string mount = root + "/sys/fs/cgroup";
  double smallest = std::numeric_limits<double>::infinity();
  std::ifstream groups(root + "/proc/self/cgroup");
  for (std::string line; std::getline(groups, line);) {  // "ID:CONTROLLERS:/GROUP"; v2 has no controllers
    const auto first = line.find(':');
    const auto second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    const std::string group = line.substr(second + 1) == "/" ? "" : line.substr(second + 1);
    if (controllers.empty()) {
      smallest = std::min(smallest, smallest_quota(mount, group, quota_v2));
    } else if (names_cpu_controller(controllers)) {
      smallest = std::min(smallest, smallest_quota(mount + "/" + controllers, group, quota_v1));
      smallest = std::min(smallest, smallest_quota(mount + "/cpu", group, quota_v1));
    }
  }
  return smallest;
}

}  // namespace

unsigned cpus_within_quota(unsigned cpus, const std::string& root) {
  return static_cast<unsigned>(std::max(1.0, std::min<double>(cpus, std::ceil(quota_of_all_groups(root)))));
}

}  // namespace fanout::detail
