// SPDX-License-Identifier: Apache-2.0
// The program's side of its nanny.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "descriptor.hpp"
#include "event_handler.hpp"
#include "nanny_start.hpp"
#include "wire.hpp"

namespace fanout::detail {

class nanny_link;

/// Told what a nanny reports. Called in turns of the supervisor.
class nanny_listener {
 public:
  virtual void on_nanny_report(const nanny_report& news) = 0;
  /// It died, and all its workers with it: its socket closed. Or it is of no use, which `why` says.
  virtual void on_nanny_gone(nanny_link& nanny, std::string why) = 0;

 protected:
  ~nanny_listener() = default;
};

/// Talks to a nanny; requests are queued, so nobody waits for it to come up. Whoever destroys this waits for pid().
class nanny_link final : public event_handler {
 public:
  nanny_link(nanny_process nanny, nanny_program program, nanny_listener& listener);

  /// What it was started from; its file empty: forked from this process.
  const nanny_program& program() const noexcept { return program_; }
  pid_t pid() const noexcept { return pid_; }
  /// Has it reported anything yet?
  bool ready() const noexcept { return ready_; }
  /// Another program, of which it is not known yet whether it ever becomes a nanny.
  bool may_never_be_ready() const noexcept { return program_.foreign && !ready_; }
  int fd() const noexcept { return socket_.get(); }

  /// Asks for a worker with this end of its socket. `command`: what to execute for it, if it is not to be forked or
  /// cannot be; empty: this program.
  void start_worker(std::uint64_t worker, bool exec, const std::vector<std::string>& command, descriptor socket);
  void kill_worker(std::uint64_t worker);
  /// It, not the workers; and before it is ready, what it may have started.
  void kill() const noexcept;
  /// Sends what is queued. True: nothing is left.
  bool flush();

  void on_event(std::uint32_t events) override;

 private:
  struct request {
    std::string bytes;
    descriptor passed;
  };

  void read_reports();

  const nanny_program program_;
  nanny_listener& listener_;
  descriptor socket_;
  pid_t pid_ = 0;
  bool ready_ = false;
  std::deque<request> output_;
};

}  // namespace fanout::detail
