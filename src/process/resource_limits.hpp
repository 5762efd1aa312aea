// SPDX-License-Identifier: Apache-2.0
// What this process may have at most.
#pragma once

#include <sys/resource.h>

namespace fanout::detail {

template <class Resource>
rlim_t limit_of(Resource resource) noexcept {
  rlimit limit{};
  ::getrlimit(resource, &limit);
  return limit.rlim_cur;
}

}  // namespace fanout::detail
