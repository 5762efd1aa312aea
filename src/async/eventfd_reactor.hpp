// SPDX-License-Identifier: Apache-2.0
// For loops without I/O: nothing can happen to them but being woken.
#pragma once

#include "async/reactor.hpp"

namespace fanout::detail {

class eventfd_reactor final : public reactor {
 public:
  /// Throws std::system_error.
  eventfd_reactor();
  ~eventfd_reactor() override;
  eventfd_reactor(const eventfd_reactor&) = delete;
  eventfd_reactor& operator=(const eventfd_reactor&) = delete;

  void poll() noexcept override {}
  bool wait(const time_point* deadline, int descriptor) noexcept override;
  void wake() noexcept override;

 private:
  const int descriptor_;
};

}  // namespace fanout::detail
