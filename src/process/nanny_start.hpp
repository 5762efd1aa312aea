// SPDX-License-Identifier: Apache-2.0
// How a nanny comes to be.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "descriptor.hpp"

namespace fanout::detail {

/// A child of this process, and our end of its socket. Whoever has it waits for the pid in the end.
struct nanny_process {
  descriptor socket;
  pid_t pid = 0;
};

/// A program that gets to the worker entry, and its arguments.
struct nanny_program {
  std::string file;  ///< searched for in PATH if it names no directory
  std::vector<std::string> argv;
  bool foreign = false;  ///< not this program: it may never get there
  bool operator==(const nanny_program&) const = default;
};

/// Throws std::system_error.
nanny_process spawn_nanny(const nanny_program& program);

/// Forks this process. Throws fanout::error if it has more than one thread: what those hold locked would stay locked
/// for ever in the copy. Throws std::system_error.
nanny_process fork_nanny();

/// The threads of this process, but for those of a sanitizer.
unsigned own_threads();

}  // namespace fanout::detail
