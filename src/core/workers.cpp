// SPDX-License-Identifier: Apache-2.0
// default_workers(): affinity, limited by the cgroup's CPU quota.
#include "fanout/workers.hpp"

#include <sched.h>

#include <cstddef>
#include <memory>

#include "core/cgroup.hpp"

namespace fanout {
namespace {

unsigned cpus_in_affinity_mask() {
  // The kernel refuses a mask smaller than its own with EINVAL: grow until it fits.
  for (int bits = CPU_SETSIZE; bits <= (1 << 20); bits *= 2) {
    struct mask_deleter {
      void operator()(cpu_set_t* mask) const { CPU_FREE(mask); }
    };
    std::unique_ptr<cpu_set_t, mask_deleter> mask(CPU_ALLOC(static_cast<std::size_t>(bits)));
    if (!mask) break;
    const std::size_t bytes = CPU_ALLOC_SIZE(static_cast<std::size_t>(bits));
    if (sched_getaffinity(0, bytes, mask.get()) == 0) return static_cast<unsigned>(CPU_COUNT_S(bytes, mask.get()));
  }
  return 1;
}

}  // namespace

unsigned default_workers() { return detail::cpus_within_quota(cpus_in_affinity_mask()); }

}  // namespace fanout
