// SPDX-License-Identifier: Apache-2.0
// Computing under one mutex of the process: threads take turns, processes have a mutex each.
#include <algorithm>
#include <mutex>

#include "workloads/builtin/kinds.hpp"
#include "workloads/builtin/squares.hpp"

namespace workloads {

namespace {

/// About a millisecond: what the mutex itself costs is nothing beside that.
constexpr std::uint64_t squares_per_turn = 1'000'000;

[[gnu::noinline]] task_value compute_in_turn(task_input input) {
  static std::mutex turn;
  uint128 sum = 0;
  for (std::uint64_t i = 0; i < input.amount; i += squares_per_turn) {
    const std::scoped_lock mine(turn);
    sum += sum_of_squares(i, std::min(i + squares_per_turn, input.amount));
  }
  return integer(sum);
}

}  // namespace

builtin lock_kind() {
  return {.name = "lock",
          .argument = "N",
          .example = "100000000",
          .about = "computes as cpu does, under one lock of the process",
          .tasks = 2,
          .in = builtin::unit::count,
          .most = most_squares,
          .call = compute_in_turn,
          .call_async = without_waiting<compute_in_turn>};
}

}  // namespace workloads
