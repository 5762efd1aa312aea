// SPDX-License-Identifier: Apache-2.0
// The cgroups that this process is in, and their CPU quotas.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace fanout::detail {

/// The directories of those that may limit what a controller ("memory") controls of this process, version 1 and 2: its
/// own, and all above them. The kernel's files are looked for below `root`: tests have their own. What cannot be read
/// is left out.
std::vector<std::string> cgroups_of(const std::string& controller, const std::string& root = "");

/// Those that may limit its CPU time.
std::vector<std::string> cpu_cgroups(const std::string& root = "");

/// The CPUs that the directory's own quota grants: 1.5. Nothing if it has none.
std::optional<double> cpu_quota(const std::string& cgroup);

/// Of so many CPUs, those that the quotas of its cgroups let this process use: at least 1; 1.5 count as 2. What cannot
/// be read limits nothing.
unsigned cpus_within_quota(unsigned cpus, const std::string& root = "");

}  // namespace fanout::detail
