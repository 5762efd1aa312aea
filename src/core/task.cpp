// SPDX-License-Identifier: Apache-2.0
#include "fanout/task.hpp"

#include "fanout/detail/blocking.hpp"
#include "fanout/errors.hpp"

namespace fanout::detail {

FANOUT_UNCOMMON void drop_error(std::exception_ptr& error) noexcept { std::destroy_at(&error); }

void throw_task_is_empty() {
  throw error("this task is empty: it was awaited, started or moved from before; call the coroutine again for another");
}

namespace {
// Bit 0: the last look was worth it; bit 1: the one before. Above: how many waits there have been.
[[gnu::tls_model("initial-exec")]] constinit thread_local unsigned looks = 0;
}  // namespace

bool worth_looking() noexcept {
  constexpr unsigned one_wait = 4, period = 8;
  looks += one_wait;
  return looks % one_wait != 0 || looks / one_wait % period == 0;
}

void looked_for_result(bool was_worth_it) noexcept {
  looks = (looks & ~3U) | (looks << 1 & 2U) | (was_worth_it ? 1U : 0U);
}

void throw_waits_for_itself() {
  throw error(
      "this thread runs the event loop that alone could produce the result: waiting here would never end; co_await it "
      "instead");
}

}  // namespace fanout::detail
