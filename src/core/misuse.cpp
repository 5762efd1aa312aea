// SPDX-License-Identifier: Apache-2.0
#include "fanout/detail/misuse.hpp"

#include <cstdio>
#include <exception>

namespace fanout::detail {

void terminate_for(const char* misuse) noexcept {
  std::fprintf(stderr, "fanout: %s\n", misuse);
  std::fflush(stderr);
  std::terminate();
}

}  // namespace fanout::detail
