// SPDX-License-Identifier: Apache-2.0
// The CPUs that this process may be on, and how to stay on one.
#pragma once

#include <vector>

namespace lab::costs {

/// Their numbers, ascending: those of the affinity mask. Empty if the kernel does not tell.
std::vector<unsigned> allowed_cpus();

/// Keeps the calling thread, and what it starts from now on, on this CPU. Throws not_measurable if it cannot.
void stay_on(unsigned cpu);

}  // namespace lab::costs
