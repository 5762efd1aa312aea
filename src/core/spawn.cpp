// SPDX-License-Identifier: Apache-2.0
#include "fanout/spawn.hpp"

#include "fanout/detail/this_thread.hpp"
#include "fanout/errors.hpp"

namespace fanout::detail {

scheduler& scheduler_to_spawn_on() {
  scheduler* const where = current_scheduler();
  if (where == nullptr || where->spawned() == nullptr) {
    throw error(
        "spawn: this thread runs no executor; call it from a coroutine, or from what is posted to a loop or pool");
  }
  return *where;
}

}  // namespace fanout::detail
