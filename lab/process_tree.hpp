// SPDX-License-Identifier: Apache-2.0
// What /proc tells about a process and its descendants, and how to end all descendants of this process.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <vector>

namespace lab {

/// The children of `pid`, those of all its threads; zombies included. Empty if there is no such process.
std::vector<pid_t> children_of(pid_t pid);

/// `root` and its descendants.
std::vector<pid_t> tree_of(pid_t root);

/// The sum of the proportional set sizes of `root` and its descendants, in bytes: a page that n processes share counts
/// 1/n in each, so the sum is what the tree really occupies. 0 if it cannot be read.
std::uint64_t tree_pss_bytes(pid_t root);

/// From now on orphaned descendants become children of this process, so that end_all_children() finds them.
void become_subreaper();

/// SIGKILLs and reaps until this process has no child. Returns how many are left when `patience` is over: only what the
/// kernel itself cannot end (a process in uninterruptible sleep).
std::size_t end_all_children(std::chrono::milliseconds patience);

}  // namespace lab
