// SPDX-License-Identifier: Apache-2.0
#include "lab/costs/processor.hpp"

#include <sched.h>

#include <cstddef>

#include "lab/costs/effort.hpp"

namespace lab::costs {

namespace {

// Twice what a kernel can be built for.
constexpr std::size_t most_cpus = 16384;

struct cpu_mask {
  cpu_set_t sets[most_cpus / CPU_SETSIZE] = {};
};

}  // namespace

std::vector<unsigned> allowed_cpus() {
  cpu_mask mask;
  std::vector<unsigned> found;
  if (sched_getaffinity(0, sizeof mask, mask.sets) != 0) return found;
  for (unsigned cpu = 0; cpu < most_cpus; ++cpu)
    if (CPU_ISSET_S(cpu, sizeof mask, mask.sets)) found.push_back(cpu);
  return found;
}

void stay_on(unsigned cpu) {
  cpu_mask mask;
  CPU_SET_S(cpu, sizeof mask, mask.sets);
  if (sched_setaffinity(0, sizeof mask, mask.sets) != 0) throw not_measurable("threads cannot be kept on one CPU here");
}

}  // namespace lab::costs
