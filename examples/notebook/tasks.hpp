// SPDX-License-Identifier: Apache-2.0
// What the notebook's cells run: the CPU-bound task, and a stopwatch.
#pragma once

#include <chrono>
#include <cstdio>
#include <string>

__extension__ using uint128 = unsigned __int128;  // the sum leaves 64 bits at n = 3,810,778

/// The sum of the squares below n, added up one by one.
inline uint128 cpu_task(unsigned long n) {
  uint128 sum = 0;
  for (unsigned long i = 0; i < n; ++i) {
    sum += uint128{i} * i;
    asm volatile("" : "+r"(i));  // or Clang replaces the loop by the formula
  }
  return sum;
}

inline std::string decimal(uint128 value) {
  std::string digits;
  do {
    digits += static_cast<char>('0' + static_cast<int>(value % 10));
  } while ((value /= 10) != 0);
  return {digits.rbegin(), digits.rend()};
}

/// Prints the seconds that passed since it was made.
struct stopwatch {
  void print(const char* model) const {
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
    std::printf("%s: %.2f s\n", model, seconds.count());
  }
  std::chrono::steady_clock::time_point start = std::chrono::steady_clock::now();
};
