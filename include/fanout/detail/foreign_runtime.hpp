// SPDX-License-Identifier: Apache-2.0
// For hosts of another language's code, whose runtime goes on in workers.
#pragma once

namespace fanout::detail {

/// `last` is called in every worker of this program that leaves in peace, before its output is flushed. Set it before
/// workers are forked. Not for exit functions of this program: forked workers do not run those, as they are their
/// nanny's.
void at_worker_leave(void (*last)()) noexcept;

/// From now on, workers of start_method::fork keep the descriptors that are open in this process: its runtime has
/// objects that own them, which would meet others under the same numbers.
void keep_descriptors_in_forks() noexcept;

}  // namespace fanout::detail
