// SPDX-License-Identifier: Apache-2.0
// For hosts of another language's code, whose runtime has something to do when a worker ends.
#pragma once

namespace fanout::detail {

/// `last` is called in every worker of this program that leaves in peace, before its output is flushed. Set it before
/// fanout::init(). Not for exit functions of this program: forked workers do not run those, as they are their nanny's.
void at_worker_leave(void (*last)()) noexcept;

}  // namespace fanout::detail
