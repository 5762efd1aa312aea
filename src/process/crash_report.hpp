// SPDX-License-Identifier: Apache-2.0
// A crash in words, for the program that the worker worked for.
#pragma once

#include <string>

#include "crash_record.hpp"

namespace fanout::detail {

/// What follows the signal's name in "worker 4711 died: SIGSEGV at address 0x0 in cpu_task(long)":
///
///   at address 0x0 in cpu_task(long)      in cpu_task(long)      stack overflow in cpu_task(long)
///   in terminate (std::runtime_error: x) in cpu_task(long)       in libtasks.so+0x1234
///
/// The function named is the innermost of the user's: neither the system's nor ours. Empty if nothing is known, or if
/// what is recorded is another signal than that which the worker died of (0: whichever it is). Call it when the worker
/// has ended, or its record is whole. The record may hold anything. Reads files of modules: up to some milliseconds.
std::string describe_crash(const crash_record& record, int signal = 0);

}  // namespace fanout::detail
