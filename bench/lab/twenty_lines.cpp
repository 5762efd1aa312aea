// SPDX-License-Identifier: Apache-2.0
// What one would write without a tool: two threads that compute, and the time it took. The same machine code computes
// as in the tool: else the compiler would be compared. See compare.
#include <charconv>
#include <chrono>
#include <cstdio>
#include <string_view>
#include <thread>

#include "workloads/builtin/kinds.hpp"

int main(int, char** argv) {
  const std::string_view text = argv[1];
  std::uint64_t count = 0;
  std::from_chars(text.data(), text.data() + text.size(), count);
  const workloads::builtin cpu = workloads::cpu_kind();
  workloads::task_value sums[2];
  const auto start = std::chrono::steady_clock::now();
  std::thread first([&] { sums[0] = cpu.call({.amount = count}); });
  std::thread second([&] { sums[1] = cpu.call({.amount = count}); });
  first.join();
  second.join();
  const std::chrono::duration<double> wall = std::chrono::steady_clock::now() - start;
  std::printf("%s %s %.9f\n", sums[0].value.c_str(), sums[1].value.c_str(), wall.count());
}
