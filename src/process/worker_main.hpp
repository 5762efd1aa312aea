// SPDX-License-Identifier: Apache-2.0
// A worker's life.
#pragma once

#include "descriptor.hpp"

namespace fanout::detail {

/// How a worker leaves.
enum class leave_by {
  exit,       ///< it is a program of its own: static destructors and atexit functions run
  immediate,  ///< it is a fork of the nanny, which they belong to: only stdio is flushed
};

/// Ends the process when `parent` does, or at once if that is not its parent (any more).
void end_with_parent(pid_t parent) noexcept;

/// Name in `ps`, priority for the kernel's out-of-memory killer: what forked and started workers have in common.
void dress_as_worker() noexcept;

/// How many pools this process is inside of: 0 for a program that is no worker.
unsigned depth_of_this_process() noexcept;

/// Serves runs until the program says that it may leave.
[[noreturn]] void serve(descriptor socket, leave_by way);

}  // namespace fanout::detail
