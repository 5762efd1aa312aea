// SPDX-License-Identifier: Apache-2.0
// The nanny: the parent of all workers of a program.
#pragma once

#include "descriptor.hpp"

namespace fanout::detail {

/// Serves the program at the other end of `socket` until that is gone, then ends all workers and exits. In a worker
/// that it forked, it does not return either.
[[noreturn]] void run_nanny(descriptor socket);

}  // namespace fanout::detail
