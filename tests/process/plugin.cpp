// SPDX-License-Identifier: Apache-2.0
// A library that the tests load while they run. Built twice, with different answers.
extern "C" __attribute__((visibility("default"))) int plugin_answer(int x) { return x + FANOUT_PLUGIN_ADDS; }
