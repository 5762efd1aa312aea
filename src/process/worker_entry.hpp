// SPDX-License-Identifier: Apache-2.0
// How a process learns that it is a worker or a nanny.
#pragma once

#include <string>

namespace fanout::detail {

/// The program to start as nanny: this one if it gets to the worker entry, or, for workers of another program, the
/// fanout-worker beside the module that this library is in. Throws fanout::error with the remedy if there is neither.
std::string nanny_program(bool worker_command);

/// From here on is_worker_process() is true, here and in what is forked from here.
void become_worker_process() noexcept;

}  // namespace fanout::detail
