// SPDX-License-Identifier: Apache-2.0
#include "fanout/task.hpp"

#include "fanout/detail/blocking.hpp"
#include "fanout/errors.hpp"

namespace fanout::detail {

FANOUT_UNCOMMON void drop_error(std::exception_ptr& error) noexcept { std::destroy_at(&error); }

void throw_task_is_empty() {
  throw error("this task is empty: it was awaited, started or moved from before; call the coroutine again for another");
}

void throw_waits_for_itself() {
  throw error(
      "this thread runs the event loop that alone could produce the result: waiting here would never end; co_await it "
      "instead");
}

}  // namespace fanout::detail
