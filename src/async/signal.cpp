// SPDX-License-Identifier: Apache-2.0
#include "fanout/signal.hpp"

#include <boost/asio/signal_set.hpp>

#include <string>

#include "fanout/asio.hpp"
#include "fanout/errors.hpp"

namespace fanout::detail {

task<int> receive_signal(std::vector<int> numbers) {
  boost::asio::signal_set awaited(co_await this_task::get_io_context());
  for (const int number : numbers) {
    boost::system::error_code failure;
    awaited.add(number, failure);
    if (failure) {
      throw error("signal_received: signal " + std::to_string(number) + " cannot be received: " + failure.message());
    }
  }
  co_return co_await awaited.async_wait(use_task);
}

}  // namespace fanout::detail
