// SPDX-License-Identifier: Apache-2.0
// The counts that the kernel keeps of what its out-of-memory killer ended.
#include "oom.hpp"

#include <fstream>
#include <optional>
#include <string_view>
#include <utility>

namespace fanout::detail {

namespace {

/// After "oom_kill", among lines "NAME VALUE": so vmstat and both versions of cgroups write it.
std::optional<std::uint64_t> oom_kills_in(const std::string& file) {
  std::ifstream in(file);
  std::string name;
  for (std::uint64_t value; in >> name >> value;) {
    if (name == "oom_kill") return value;
  }
  return std::nullopt;
}

/// In the group's directory, or in the nearest above: a container's mount begins at its own group, whose path it may
/// not know.
std::uint64_t oom_kills_of(const std::string& mount, std::string group, const std::string& file) {
  for (;;) {
    if (const auto kills = oom_kills_in(mount + group + file)) return *kills;
    const auto slash = group.find_last_of('/');
    if (slash == std::string::npos) return 0;
    group.resize(slash);
  }
}

bool names_memory_controller(std::string_view controllers) {
  return ("," + std::string(controllers) + ",").contains(",memory,");
}

std::uint64_t oom_kills_in_cgroup(const std::string& root) {
  std::uint64_t kills = 0;
  std::ifstream groups(root + "/proc/self/cgroup");
  for (std::string line; std::getline(groups, line);) {  // "ID:CONTROLLERS:/GROUP"; v2 has no controllers
    const auto first = line.find(':');
    const auto second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    const std::string group = line.substr(second + 1) == "/" ? "" : line.substr(second + 1);
    if (controllers.empty()) {
      kills += oom_kills_of(root + "/sys/fs/cgroup", group, "/memory.events");
    } else if (names_memory_controller(controllers)) {
      kills += oom_kills_of(root + "/sys/fs/cgroup/memory", group, "/memory.oom_control");
    }
  }
  return kills;
}

}  // namespace

oom_watch::oom_watch(std::string root) : root_(std::move(root)), seen_(count()) {}

bool oom_watch::killed_since() {
  const std::uint64_t now = count();
  return std::exchange(seen_, now) < now;
}

std::uint64_t oom_watch::count() const {
  return oom_kills_in(root_ + "/proc/vmstat").value_or(0) + oom_kills_in_cgroup(root_);
}

}  // namespace fanout::detail
