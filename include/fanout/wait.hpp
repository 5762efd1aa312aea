// SPDX-License-Identifier: Apache-2.0
// wait: blocks a thread until some futures, or all, are ready.
#pragma once

#include <cstddef>
#include <utility>
#include <vector>

#include "fanout/detail/blocking.hpp"
#include "fanout/detail/future_set.hpp"
#include "fanout/duration.hpp"
#include "fanout/future.hpp"

namespace fanout {

enum class return_when {
  first_completed,  ///< one of them, with a value or an error
  all_completed,
};

/// The futures given to wait, in their order.
template <class T>
struct waited {
  std::vector<future<T>> done;
  std::vector<future<T>> not_done;
};

/// concurrent.futures.wait: blocks until the first, or all, are ready, or `time` has passed. The futures may be
/// fulfilled by whoever, mixed; a worker of a pool that owes some of them runs those meanwhile, unless a `time` is
/// given, for it could not leave them then. Coroutines use `co_await as_completed(…).next()`. Throws fanout::error if
/// one of them is empty, and on the thread of an event loop that owes one of them.
template <class T>
waited<T> wait(std::vector<future<T>> futures, return_when when = return_when::all_completed,
               duration time = duration::max()) {
  waited<T> result;
  {
    const time_point deadline = detail::after(time);
    detail::future_set<T> set(std::move(futures));
    std::size_t wanted = when == return_when::all_completed ? set.futures().size() : set.futures().empty() ? 0 : 1;
    for (; wanted > 0; --wanted) {
      if (!detail::wait_for(set.arrivals(), set, time != duration::max() ? &deadline : nullptr)) break;
      set.arrivals().take();
    }
    futures = set.release();
  }
  for (auto& f : futures) (f.ready() ? result.done : result.not_done).push_back(std::move(f));
  return result;
}

}  // namespace fanout
