// SPDX-License-Identifier: Apache-2.0
// The cgroups that this process is in, and their CPU quotas.
#pragma once

#include <string>
#include <vector>

namespace fanout::detail {

/// The directories of those that may limit this process's CPU time, version 1 and 2: its own, and all above them. The
/// kernel's files are looked for below `root`: tests have their own. What cannot be read is left out.
std::vector<std::string> cpu_cgroups(const std::string& root = "");

/// Of so many CPUs, those that the quotas of its cgroups let this process use: at least 1; 1.5 count as 2. What cannot
/// be read limits nothing.
unsigned cpus_within_quota(unsigned cpus, const std::string& root = "");

}  // namespace fanout::detail
