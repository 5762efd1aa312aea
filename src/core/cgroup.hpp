// SPDX-License-Identifier: Apache-2.0
// The CPU quotas of the cgroups that this process is in.
#pragma once

#include <string>

namespace fanout::detail {

/// Of so many CPUs, those that the quotas of its cgroups, version 1 and 2, let this process use: at least 1; 1.5 count
/// as 2. What cannot be read limits nothing. The kernel's files are looked for below `root`: tests have their own.
unsigned cpus_within_quota(unsigned cpus, const std::string& root = "");

}  // namespace fanout::detail
