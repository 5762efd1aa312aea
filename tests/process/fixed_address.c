// SPDX-License-Identifier: Apache-2.0
// A program that is linked to one address. Prints that of a static function.
#include <stdio.h>

static __attribute__((noinline)) int function_at_a_fixed_address(int n) { return n + 1; }

int main(int argc, char** argv) {
  (void)argv;
  printf("%p\n", (void*)&function_at_a_fixed_address);
  return function_at_a_fixed_address(argc) < 0;
}
