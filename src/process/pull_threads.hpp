// SPDX-License-Identifier: Apache-2.0
// The threads that pull inputs for the maps of one process pool.
#pragma once

#include <sys/types.h>

#include <condition_variable>
#include <list>
#include <mutex>
#include <thread>

#include "fanout/detail/puller.hpp"
#include "fanout/duration.hpp"

namespace fanout::detail {

/// Every thread is joined: by the next one that ends, and the last ones by close(). So at most one that has ended is
/// left over while the pool is in use.
class pull_threads {
 public:
  pull_threads() noexcept;
  pull_threads(const pull_threads&) = delete;
  pull_threads& operator=(const pull_threads&) = delete;

  /// Throws pool_closed after wind_up().
  void start(puller& p);
  /// Tells all pullers that the pool closes, and starts no more. True: they have ended. False: they had not by then, or
  /// somebody else could not wait.
  bool wind_up(time_point until) noexcept;
  /// The same for who does not wait, and whoever waits for the pullers need not any longer.
  void hurry() noexcept;
  /// Once, last: tells all pullers, and returns when they, and their threads, have ended.
  void close() noexcept;

 private:
  struct member {
    puller* pulls;  // null: it has ended
    std::thread thread;
  };
  using members = std::list<member>;

  void run(members::iterator self) noexcept;
  // Under the lock:
  void tell() noexcept;
  bool has_ended() const noexcept;

  const pid_t process_;  // which made it: a fork of that has none of the threads
  std::mutex mutex_;     // guards the rest
  members members_;
  bool is_closing_ = false;
  bool is_hurried_ = false;
  std::condition_variable changed_;
};

}  // namespace fanout::detail
