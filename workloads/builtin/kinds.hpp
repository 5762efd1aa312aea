// SPDX-License-Identifier: Apache-2.0
// Each built-in workload, from its own file. What a task returns does not depend on the model, and no compiler can find
// it out without doing the work.
#pragma once

#include "workloads/builtin.hpp"

namespace workloads {

builtin sleep_kind();
builtin block_kind();
builtin cpu_kind();
builtin uneven_kind();
builtin mixed_kind();
builtin lock_kind();
builtin memory_kind();
builtin alloc_kind();
builtin data_kind();

/// The coroutine of work that has nothing to wait for. `Call` must not be inlined: within a coroutine it would become
/// other machine code, and a slower model would be the compiler's doing.
template <task_value (*Call)(task_input)>
fanout::task<task_value> without_waiting(task_input input) {
  co_return Call(std::move(input));
}

}  // namespace workloads
