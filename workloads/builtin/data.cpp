// SPDX-License-Identifier: Apache-2.0
// Much data and little work: under threads a task gets and returns them by a pointer, to a process they are shipped.
#include <numeric>

#include "workloads/builtin/kinds.hpp"
#include "workloads/builtin/squares.hpp"

namespace workloads {

namespace {

bytes make_data(std::uint64_t amount, unsigned number) {
  bytes data(amount);
  std::iota(data.begin(), data.end(), static_cast<char>(number));
  return data;
}

/// Inverts each bit.
[[gnu::noinline]] task_value invert(task_input input) {
  for (char& byte : input.data) byte = static_cast<char>(~byte);
  return {.type = "int", .value = {}, .data = std::move(input.data)};
}

/// The sum of all bytes, each times its place of 256: it shows whether one is wrong, and whether two have changed
/// places.
std::string sum_of_data(const bytes& data) {
  uint128 sum = 0;
  for (std::size_t i = 0; i < data.size(); ++i) sum += (i % 256 + 1) * static_cast<unsigned char>(data[i]);
  return to_decimal(sum);
}

}  // namespace

builtin data_kind() {
  return {.name = "data",
          .argument = "BYTES",
          .example = "10000000",
          .about = "is handed so many bytes, inverts and returns them",
          .tasks = 5,
          .in = builtin::unit::bytes,
          .most = 2'000'000'000,
          .call = invert,
          .call_async = without_waiting<invert>,
          .input = make_data,
          .value_of = sum_of_data};
}

}  // namespace workloads
