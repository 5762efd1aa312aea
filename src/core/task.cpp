// SPDX-License-Identifier: Apache-2.0
#include "fanout/task.hpp"

#include "core/look_habit.hpp"
#include "fanout/detail/blocking.hpp"
#include "fanout/errors.hpp"

namespace fanout::detail {

FANOUT_UNCOMMON void drop_error(std::exception_ptr& error) noexcept { std::destroy_at(&error); }

void throw_task_is_empty() {
  throw error("this task is empty: it was awaited, started or moved from before; call the coroutine again for another");
}

namespace {
[[gnu::tls_model("initial-exec")]] constinit thread_local look_habit habit;
}  // namespace

bool worth_looking() noexcept { return habit.is_worth_it(); }
void looked_for_result(bool was_worth_it) noexcept { habit.looked(was_worth_it); }

void throw_waits_for_itself() {
  throw error(
      "this thread runs the event loop that alone could produce the result: waiting here would never end; co_await it "
      "instead");
}

}  // namespace fanout::detail
