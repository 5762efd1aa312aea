// SPDX-License-Identifier: Apache-2.0
// How a pool is brought to its end.
#pragma once

#include <cstdint>

namespace fanout {

enum class shutdown_mode : std::uint8_t {
  drain,           ///< everything that was given to the pool is run
  cancel_pending,  ///< what has begun goes on; what has not ends with `cancelled`
  kill,            ///< the same, and what has begun is asked to stop; on a process pool it is killed
};

}  // namespace fanout
