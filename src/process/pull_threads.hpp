// SPDX-License-Identifier: Apache-2.0
// The threads that pull inputs for the maps of one process pool.
#pragma once

#include <sys/types.h>

#include <list>
#include <mutex>
#include <thread>

#include "fanout/detail/puller.hpp"

namespace fanout::detail {

/// Every thread is joined: by the next one that ends, and the last ones by close(). So at most one that has ended is
/// left over while the pool is in use.
class pull_threads {
 public:
  pull_threads() noexcept;
  pull_threads(const pull_threads&) = delete;
  pull_threads& operator=(const pull_threads&) = delete;

  void start(puller& p);
  /// Once, last: tells all pullers, and returns when they, and their threads, have ended.
  void close() noexcept;

 private:
  struct member {
    puller* pulls;  // null: it has ended
    std::thread thread;
  };
  using members = std::list<member>;

  void run(members::iterator self) noexcept;

  const pid_t process_;  // which made it: a fork of that has none of the threads
  std::mutex mutex_;     // guards the members
  members members_;
};

}  // namespace fanout::detail
