// SPDX-License-Identifier: Apache-2.0
// Waiting: with a coroutine that lets others run meanwhile, and with one that does not know how.
#include <chrono>
#include <fanout/sleep.hpp>
#include <thread>

#include "workloads/builtin/kinds.hpp"

namespace workloads {

namespace {

constexpr std::uint64_t longest = 1'000'000'000'000'000;  // a million seconds

task_value sleep_blocking(task_input input) {
  std::this_thread::sleep_for(std::chrono::nanoseconds(input.amount));
  return {.type = "none", .value = {}};
}

fanout::task<task_value> sleep_async(task_input input) {
  co_await fanout::sleep(std::chrono::nanoseconds(input.amount));
  co_return task_value{.type = "none", .value = {}};
}

}  // namespace

builtin sleep_kind() {
  return {.name = "sleep",
          .argument = "SECONDS",
          .example = "0.25",
          .about = "waits",
          .tasks = 5,
          .in = builtin::unit::seconds,
          .most = longest,
          .call = sleep_blocking,
          .call_async = sleep_async};
}

builtin block_kind() {
  return {.name = "block",
          .argument = "SECONDS",
          .example = "0.25",
          .about = "waits, also in a coroutine: that blocks its event loop",
          .tasks = 5,
          .in = builtin::unit::seconds,
          .most = longest,
          .call = sleep_blocking,
          .call_async = without_waiting<sleep_blocking>};
}

}  // namespace workloads
