// SPDX-License-Identifier: Apache-2.0
// CPU work with an exact result: the notebook's.
#pragma once

#include <cstdint>

#include "workloads/builtin.hpp"
#include "workloads/decimal.hpp"

namespace workloads {

inline constexpr std::uint64_t most_squares = 10'000'000'000'000;  // their sum just fits into 128 bits

/// The sum of i² for first ≤ i < end. Without the barrier the compiler replaces the loop by a formula: it must not
/// know i.
inline uint128 sum_of_squares(std::uint64_t first, std::uint64_t end) {
  uint128 sum = 0;
  for (uint128 i = first; i < end; ++i) {
    auto low = static_cast<std::uint64_t>(i), high = static_cast<std::uint64_t>(i >> 64);
    asm volatile("" : "+r"(low), "+r"(high));
    i = (static_cast<uint128>(high) << 64) | low;
    sum += i * i;
  }
  return sum;
}

inline task_value integer(uint128 value) { return {.type = "int", .value = to_decimal(value)}; }

}  // namespace workloads
