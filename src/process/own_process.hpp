// SPDX-License-Identifier: Apache-2.0
// Is this still the process that made it? Asked for each task, where getpid() would be a system call.
#pragma once

#include <sys/types.h>

namespace fanout::detail {

/// getpid(), remembered. Forks by fork() are noticed; those by a bare clone() are not.
pid_t own_pid() noexcept;

}  // namespace fanout::detail
