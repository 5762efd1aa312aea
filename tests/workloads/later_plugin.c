// SPDX-License-Identifier: Apache-2.0
// What a fanout with another plugin interface would have built.
const void* fanout_plugin_99(void) { return 0; }
