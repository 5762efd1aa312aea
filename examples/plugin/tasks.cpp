// SPDX-License-Identifier: Apache-2.0
// Functions in C++ that `fanout compare` runs under every model:
//
//     fanout compare ./libtasks.so:count_primes --arg 2000000
//     fanout compare ./libtasks.so:wait --arg 0.2 --tasks 10
//     fanout compare ./libtasks.so:wait_awaiting --arg 0.2 --tasks 10
#include <chrono>
#include <cstdint>
#include <fanout/export.hpp>
#include <fanout/sleep.hpp>
#include <thread>
#include <vector>

/// How many primes there are below `limit`.
std::uint64_t count_primes(std::uint64_t limit) {
  std::vector<bool> composite(limit);
  std::uint64_t count = 0;
  for (std::uint64_t i = 2; i < limit; ++i) {
    if (composite[i]) continue;
    ++count;
    for (std::uint64_t multiple = i * i; multiple < limit; multiple += i) composite[multiple] = true;
  }
  return count;
}
FANOUT_EXPORT(count_primes);

/// Blocks its thread; under async, everything.
void wait(double seconds) { std::this_thread::sleep_for(std::chrono::duration<double>(seconds)); }
FANOUT_EXPORT(wait);

/// Under async, others run meanwhile.
fanout::task<> wait_awaiting(double seconds) { co_await fanout::sleep(std::chrono::duration<double>(seconds)); }
FANOUT_EXPORT(wait_awaiting);
