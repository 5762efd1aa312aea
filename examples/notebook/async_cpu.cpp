// SPDX-License-Identifier: Apache-2.0
// CPU work in coroutines: they take turns on one thread, and one that never waits never gives its turn away.
#include <fanout/fanout.hpp>

#include "tasks.hpp"

fanout::task<uint128> cpu_task_async(unsigned long n) { co_return cpu_task(n); }

fanout::task<> both() {
  const auto [first, second] = co_await fanout::gather(cpu_task_async(100'000'000), cpu_task_async(100'000'000));
  std::printf("%s\n%s\n", decimal(first).c_str(), decimal(second).c_str());
}

int main() {
  const stopwatch watch;
  fanout::run(both());
  watch.print("async");
}
