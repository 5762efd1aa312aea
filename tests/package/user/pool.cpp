// SPDX-License-Identifier: Apache-2.0
// A program that is compiled and linked with what pkg-config says, and nothing else.
#include <fanout/process_pool.hpp>

namespace {

int square(int x) { return x * x; }

}  // namespace

int main() {
  fanout::process_pool pool(1);
  return pool.submit(square, 6).get() == 36 ? 0 : 1;
}
