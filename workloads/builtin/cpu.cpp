// SPDX-License-Identifier: Apache-2.0
// Computing: all tasks alike, or one of them long.
#include <algorithm>

#include "workloads/builtin/kinds.hpp"
#include "workloads/builtin/squares.hpp"

namespace workloads {

namespace {

/// Aligned, so that its loop is as fast in whatever program it is: bench/lab compares two.
[[gnu::noinline, gnu::aligned(64)]] task_value compute(task_input input) {
  return integer(sum_of_squares(0, input.amount));
}

constexpr std::uint64_t shorter = 10;  // so many times as short are all tasks but the first

[[gnu::noinline]] task_value compute_unevenly(task_input input) {
  return integer(
      sum_of_squares(0, input.number == 0 ? input.amount : std::max<std::uint64_t>(input.amount / shorter, 1)));
}

}  // namespace

builtin cpu_kind() {
  return {.name = "cpu",
          .argument = "N",
          .example = "100000000",
          .about = "computes: the sum of i*i for all i < N, exactly",
          .tasks = 2,
          .in = builtin::unit::count,
          .most = most_squares,
          .call = compute,
          .call_async = without_waiting<compute>};
}

builtin uneven_kind() {
  return {.name = "uneven",
          .argument = "N",
          .example = "100000000",
          .about = "the same, but only task 0 is as long as that: the others have N / 10",
          .tasks = 5,
          .in = builtin::unit::count,
          .most = most_squares,
          .call = compute_unevenly,
          .call_async = without_waiting<compute_unevenly>};
}

}  // namespace workloads
