// SPDX-License-Identifier: Apache-2.0
// One piece of code for models that block and for the one that does not: the coroutine, and who waits for it.
#pragma once

#include <fanout/event_loop.hpp>
#include <fanout/task.hpp>
#include <utility>

namespace workloads {

/// Runs it to its end; the calling thread sleeps meanwhile, in an event loop that it has for this and keeps.
template <class T>
T run_blocking(fanout::task<T> work) {
  static thread_local fanout::event_loop loop;
  return loop.run(std::move(work));
}

}  // namespace workloads
