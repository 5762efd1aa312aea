// SPDX-License-Identifier: Apache-2.0
#include "core/cgroup.hpp"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>
#include <string_view>
#include <system_error>

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

bool names_controller(std::string_view controllers, std::string_view wanted) {
  std::istringstream in{std::string(controllers)};
  for (std::string name; std::getline(in, name, ',');) {
    if (name == wanted) return true;
  }
  return false;
}

/// The group and all its ancestors, each of which limits what is below it.
void add_with_ancestors(std::vector<std::string>& found, const std::string& mount, std::string group) {
  for (;;) {
    std::error_code unreadable;
    if (std::filesystem::is_directory(mount + group, unreadable)) found.push_back(mount + group);
    const auto slash = group.find_last_of('/');
    if (group.empty() || slash == std::string::npos) return;
    group.resize(slash);
  }
}

}  // namespace

std::vector<std::string> cgroups_of(const std::string& controller, const std::string& root) {
  const std::string mount = root + "/sys/fs/cgroup";
  std::vector<std::string> found;
  std::ifstream groups(root + "/proc/self/cgroup");
  for (std::string line; std::getline(groups, line);) {  // "ID:CONTROLLERS:/GROUP"; v2 has no controllers
    const auto first = line.find(':');
    const auto second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    const std::string group = line.substr(second + 1) == "/" ? "" : line.substr(second + 1);
    if (controllers.empty()) {
      add_with_ancestors(found, mount, group);
    } else if (names_controller(controllers,
                                controller)) {  // mounted under all their names, or under one, or both by a link
      std::error_code unreadable;
      const std::string all = mount + "/" + controllers;
      add_with_ancestors(found, std::filesystem::is_directory(all, unreadable) ? all : mount + "/" + controller, group);
    }
  }
  return found;
}

std::vector<std::string> cpu_cgroups(const std::string& root) { return cgroups_of("cpu", root); }

std::optional<double> cpu_quota(const std::string& cgroup) {
  const auto v1 = quota_v1(cgroup);
  return v1 ? v1 : quota_v2(cgroup);
}

unsigned cpus_within_quota(unsigned cpus, const std::string& root) {
  double smallest = cpus;
  for (const std::string& directory : cpu_cgroups(root))
    smallest = std::min(smallest, cpu_quota(directory).value_or(cpus));
  return static_cast<unsigned>(std::max(1.0, std::ceil(smallest)));
}

}  // namespace fanout::detail
