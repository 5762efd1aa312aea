// SPDX-License-Identifier: Apache-2.0
// fanout-worker: watches over worker processes for programs that cannot do so themselves. All it does happens in the
// worker entry, before main.
#include <cstdio>

int main() {
  std::fputs("fanout-worker is started by programs that use fanout::process_pool; it does nothing by itself.\n",
             stderr);
  return 2;
}
