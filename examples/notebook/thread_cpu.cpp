// SPDX-License-Identifier: Apache-2.0
// CPU work on two threads. There is no lock that only one of them can hold: half the time on two cores.
#include <fanout/fanout.hpp>

#include "tasks.hpp"

int main() {
  const stopwatch watch;
  fanout::thread_pool pool(2);
  const auto sums = pool.map(cpu_task, {100'000'000, 100'000'000}).get();
  for (const uint128 sum : sums) std::printf("%s\n", decimal(sum).c_str());
  watch.print("threads");
}
