// SPDX-License-Identifier: Apache-2.0
// How a process learns that it is a worker or a nanny.
#pragma once

#include <string>
#include <vector>

#include "nanny_start.hpp"

namespace fanout::detail {

/// Throws fanout::error in a worker that did not get to the worker entry: it would start workers without end.
void check_may_have_pools();

/// A nanny for workers of this program: this program, if it gets to the worker entry.
/// Throws fanout::error with the remedy if it does not.
nanny_program own_nanny();

/// A nanny that executes other programs: this one, or the fanout-worker beside the module that this library is in.
/// Throws fanout::error with the remedy if there is neither.
nanny_program nanny_for_others();

/// In a fork of a nanny that is this program: `ps` is to show a worker.
void rename_forked_worker() noexcept;

/// From here on is_worker_process() is true, here and in what is forked from here.
void become_worker_process() noexcept;

}  // namespace fanout::detail
