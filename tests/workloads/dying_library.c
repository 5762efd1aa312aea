// SPDX-License-Identifier: Apache-2.0
// A shared library that does not survive being loaded.
#include <stdlib.h>
__attribute__((constructor)) static void die(void) { abort(); }
