// SPDX-License-Identifier: Apache-2.0
#include "fanout/sleep.hpp"

#include <string>

namespace fanout::detail {

void throw_no_scheduler(const char* what) {
  throw error(std::string(what) +
              ": this coroutine runs on no executor; start it with fanout::run, event_loop::run or thread_pool::run");
}

}  // namespace fanout::detail
