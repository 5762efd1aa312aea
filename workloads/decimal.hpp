// SPDX-License-Identifier: Apache-2.0
// 128-bit integers in decimal.
#pragma once

#include <string>

namespace workloads {

__extension__ using uint128 = unsigned __int128;

constexpr std::string to_decimal(uint128 number) {
  std::string digits;
  do {
    digits.insert(digits.begin(), static_cast<char>('0' + static_cast<int>(number % 10)));
    number /= 10;
  } while (number != 0);
  return digits;
}

}  // namespace workloads
