// SPDX-License-Identifier: Apache-2.0
// What a process pool that was shut down says to whoever brings it more work.
#pragma once

#include "fanout/errors.hpp"

namespace fanout::detail {

[[noreturn]] inline void throw_shut_down() {
  throw pool_closed("this fanout::process_pool was shut down, and takes no more work");
}

}  // namespace fanout::detail
