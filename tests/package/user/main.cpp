// SPDX-License-Identifier: Apache-2.0
// A program that uses an installed fanout.
#include <cstdio>

#include <fanout/workers.hpp>

int main() {
  if (fanout::default_workers() < 1) return 1;
  std::puts("fanout works from an installed package");
}
