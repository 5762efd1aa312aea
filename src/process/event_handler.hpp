// SPDX-License-Identifier: Apache-2.0
// What the supervisor's epoll calls when a descriptor has news.
#pragma once

#include <cstdint>

namespace fanout::detail {

class event_handler {
 public:
  /// `events`: EPOLLIN, EPOLLOUT, …
  virtual void on_event(std::uint32_t events) = 0;

 protected:
  ~event_handler() = default;
};

}  // namespace fanout::detail
