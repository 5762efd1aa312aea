// SPDX-License-Identifier: Apache-2.0
// signal_received: waiting for a signal in a coroutine, such as Ctrl-C.
#pragma once

#include <concepts>
#include <vector>

#include "fanout/task.hpp"

namespace fanout {

namespace detail {
task<int> receive_signal(std::vector<int> numbers);
}

/// `co_await signal_received(SIGINT, SIGTERM)`: goes on when the process gets one of them, and returns its number.
/// While it is awaited they do not have their usual effect; before and afterwards they do. (To miss none in between,
/// keep an asio::signal_set.) On an event_loop; several may wait for the same signal, and all of them go on. Throws
/// fanout::error if one of the numbers is no signal or cannot be caught, as SIGKILL, and `cancelled` if the coroutine
/// is asked to stop.
template <std::same_as<int>... More>
task<int> signal_received(int signal, More... more) {
  return detail::receive_signal({signal, more...});
}

}  // namespace fanout
