// SPDX-License-Identifier: Apache-2.0
// What one more thread, task or process takes. Each batch adds some to those that are there already, so nothing is
// used again that an earlier batch has left.
#pragma once

#include <sys/types.h>

#include <cstdint>

#include "lab/costs/effort.hpp"

namespace lab::costs {

/// Bytes of address space of this process. Throws not_measurable.
std::uint64_t mapped_bytes();

/// Bytes that a process occupies: of what it shares with n others 1/n counts. By the kernel's page tables, not by the
/// counters of /proc/PID/statm, which lag behind. Throws not_measurable.
std::uint64_t occupied_bytes(pid_t process);

/// The address space that a thread takes which waits in a system call: its stack. It allocates nothing, or there would
/// be 64 MB more for a heap of its own.
measurement measure_thread_reserved(const effort& much);

/// The memory of it that it has touched. The kernel has 16 KB more for each, which belong to no process.
measurement measure_thread_touched(const effort& much);

/// A task that waits: a coroutine in sleep(), on an event loop.
measurement measure_sleeping_coroutine(const effort& much);

/// A task that waits on a thread of a thread_pool, which has one for each.
measurement measure_sleeping_thread(const effort& much);

/// A worker of a process_pool, which waits after its first task.
measurement measure_sleeping_process(const effort& much);

}  // namespace lab::costs
