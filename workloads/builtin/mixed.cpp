// SPDX-License-Identifier: Apache-2.0
// Waiting, then computing for about as long. How much is computed does not depend on how fast that goes: a model that
// makes it slower must not get less to do.
#include <chrono>
#include <fanout/sleep.hpp>
#include <thread>

#include "workloads/builtin/kinds.hpp"
#include "workloads/builtin/squares.hpp"

namespace workloads {

namespace {

constexpr std::uint64_t squares_per_microsecond = 1000;  // of a usual CPU

std::chrono::nanoseconds wait_of(std::uint64_t amount) { return std::chrono::nanoseconds(amount / 2); }

task_value computed(std::uint64_t amount) {
  return integer(sum_of_squares(0, amount / 2 * squares_per_microsecond / 1000));
}

task_value mixed_blocking(task_input input) {
  std::this_thread::sleep_for(wait_of(input.amount));
  return computed(input.amount);
}

fanout::task<task_value> mixed_async(task_input input) {
  co_await fanout::sleep(wait_of(input.amount));
  co_return computed(input.amount);
}

}  // namespace

builtin mixed_kind() {
  return {.name = "mixed",
          .argument = "SECONDS",
          .example = "0.25",
          .about = "waits for half of that, then computes for about as long",
          .tasks = 5,
          .in = builtin::unit::seconds,
          .most = 10'000'000'000'000,  // ten thousand seconds: most_squares is as much
          .call = mixed_blocking,
          .call_async = mixed_async};
}

}  // namespace workloads
