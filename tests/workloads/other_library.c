// SPDX-License-Identifier: Apache-2.0
// A shared library that knows nothing of fanout.
int something(void) { return 1; }
