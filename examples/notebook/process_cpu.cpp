// SPDX-License-Identifier: Apache-2.0
// CPU work in two processes. The workers find cpu_task although nothing here tells them where it is.
#include <fanout/fanout.hpp>

#include "tasks.hpp"

int main() {
  const stopwatch watch;
  fanout::process_pool pool(2);
  const auto sums = pool.map(cpu_task, {100'000'000, 100'000'000}).get();
  for (const uint128 sum : sums) std::printf("%s\n", decimal(sum).c_str());
  watch.print("processes");
}
