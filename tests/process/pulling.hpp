// SPDX-License-Identifier: Apache-2.0
// For tests of maps whose inputs are pulled, as far as it does not depend on how workers are started.
#pragma once

#include <semaphore>

#include "numbers.hpp"
#include "support.hpp"

namespace fanout_test {

class ProcessPoolPull : public clean_process_test {};

/// 0, and the rest when that has been typed.
inline auto blocks_at_one(std::binary_semaphore& typed) {
  return numbers_without_end([&](int x) {
    if (x == 1) typed.acquire();
    return x;
  });
}

}  // namespace fanout_test
