// SPDX-License-Identifier: Apache-2.0
#include "fanout/task_group.hpp"

#include "fanout/sleep.hpp"

namespace fanout {

task_group::task_group(detail::environment env)
    : outer_(env.stop),
      where_(env.where != nullptr ? *env.where : (detail::throw_no_scheduler("with_task_group"), *env.where)),
      stop_(env.stop) {}

}  // namespace fanout
