// SPDX-License-Identifier: Apache-2.0
// What it takes to start a thread, a process, a pool of processes.
#pragma once

#include <cstddef>
#include <fanout/process_pool.hpp>

#include "lab/costs/effort.hpp"

namespace lab::costs {

/// pthread_create() to pthread_join() of a thread that does nothing. glibc keeps the stacks of threads that have ended,
/// up to 40 MB of them. Warm: the stack is one of these. Cold: it is larger than all that, so that it is mapped for
/// this thread, and unmapped after.
enum class stack_cache { cold, warm };
measurement measure_thread_start(const effort& much, stack_cache cache);

/// posix_spawn() to waitpid() of /bin/true.
measurement measure_spawn(const effort& much);

/// fork() to waitpid() of a child that ends at once, by a program that has so many bytes more than it needs, each page
/// (of 4 KB, not huge) touched: their page tables are copied.
measurement measure_fork(const effort& much, std::size_t bytes);

/// From before a process_pool of one worker is made to its first result. The end of the pool is not measured.
/// fanout::start_method::fork needs a process without other threads.
measurement measure_pool_start(const effort& much, fanout::start_method method);

}  // namespace lab::costs
