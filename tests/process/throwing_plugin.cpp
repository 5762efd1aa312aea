// SPDX-License-Identifier: Apache-2.0
// A library that the tests load while they run, with a fanout of its own, and an exception type of its own.
#include "fanout/registered_exception.hpp"
#include "plugin_error.hpp"

namespace {

const fanout::registered_exception<fanout_test::plugin_error> plugin_error_comes_back;

}  // namespace

extern "C" __attribute__((visibility("default"))) void plugin_throw(int line) {
  fanout_test::plugin_error error("bad line");
  error.line = line;
  throw error;
}
