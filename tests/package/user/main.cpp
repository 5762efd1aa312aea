// SPDX-License-Identifier: Apache-2.0
// A program that uses an installed fanout: its headers need nothing that was not installed, its library links.
#include <cstdio>
#include <fanout/event_loop.hpp>
#include <fanout/gather.hpp>
#include <fanout/sleep.hpp>
#include <fanout/workers.hpp>

namespace {

fanout::task<int> after_a_moment(int value) {
  co_await fanout::sleep(std::chrono::milliseconds(1));
  co_return value;
}

fanout::task<int> sum() {
  auto [a, b] = co_await fanout::gather(after_a_moment(40), after_a_moment(2));
  co_return a + b;
}

}  // namespace

int main() {
  if (fanout::default_workers() < 1 || fanout::run(sum()) != 42) return 1;
  std::puts("fanout works from an installed package");
}
