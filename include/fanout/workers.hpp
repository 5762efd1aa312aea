// SPDX-License-Identifier: Apache-2.0
// How many workers this process can keep busy.
#pragma once

namespace fanout {

/// The CPUs that this process may really use, at least 1: its affinity mask, limited by the CPU quota of its cgroup
/// (v1 or v2; a quota of 1.5 CPUs counts as 2). Read anew at each call.
unsigned default_workers();

}  // namespace fanout
