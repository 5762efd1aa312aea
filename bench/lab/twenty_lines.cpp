// SPDX-License-Identifier: Apache-2.0
// What one would write without a tool: two threads, the sum of i*i for all i < N, the time it took. See compare.
#include <charconv>
#include <chrono>
#include <cstdio>
#include <string_view>
#include <thread>

#include "workloads/builtin/squares.hpp"

int main(int, char** argv) {
  const std::string_view text = argv[1];
  std::uint64_t count = 0;
  std::from_chars(text.data(), text.data() + text.size(), count);
  workloads::uint128 sums[2];
  const auto start = std::chrono::steady_clock::now();
  std::thread first([&] { sums[0] = workloads::sum_of_squares(0, count); });
  std::thread second([&] { sums[1] = workloads::sum_of_squares(0, count); });
  first.join();
  second.join();
  const std::chrono::duration<double> wall = std::chrono::steady_clock::now() - start;
  std::printf("%s %s %.9f\n", workloads::to_decimal(sums[0]).c_str(), workloads::to_decimal(sums[1]).c_str(),
              wall.count());
}
