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
  /// How many threads a library that works in parallel should start in a worker: OMP_NUM_THREADS, if the user has set
  /// none. Read when such a library is loaded, hence here.
  unsigned threads_per_worker = 1;
  bool operator==(const nanny_program&) const = default;
};

/// Throws std::system_error.
nanny_process spawn_nanny(const nanny_program& program);

/// Forks this process. Throws fanout::error if it has more than one thread: what those hold locked would stay locked
/// for ever in the copy. Throws std::system_error.
nanny_process fork_nanny(const nanny_program& program);

/// What `ps` shows of a nanny that is this program. As long as a worker's name, so that its forks can be renamed.
inline constexpr char nanny_name[] = "fanout-nanny ";
inline constexpr char worker_name[] = "fanout-worker";
static_assert(sizeof nanny_name == sizeof worker_name);

/// The threads of this process, but for those of a sanitizer. If there are others, it takes 20 ms to tell that they
/// stay.
unsigned own_threads();

}  // namespace fanout::detail
