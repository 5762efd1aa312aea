// SPDX-License-Identifier: Apache-2.0
// The program's side of one worker: what it is doing, and what becomes of that when it ends.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <exception>
#include <string>
#include <vector>

#include "channel.hpp"
#include "event_handler.hpp"
#include "fanout/detail/remote_work.hpp"
#include "fanout/duration.hpp"

namespace fanout::detail {

class nanny_link;
class supervisor;
class worker_link;

/// Consecutive items of one piece of work; whoever has it holds a reference to the work.
struct item_range {
  remote_work* work = nullptr;
  std::size_t first = 0;
  std::size_t count = 0;
};

/// How a worker ended, as far as anybody knows.
struct worker_end {
  int status = 0;                  ///< as from waitpid()
  bool with_nanny = false;         ///< its nanny ended, which killed it
  std::string start_failure = {};  ///< why it never got ready, where that is known better than by the status
};

/// "died: SIGSEGV" or "exited with code 3", of a status as from waitpid().
std::string describe_end(int status);

/// A pool, as its workers see it. Called in turns of the supervisor.
class worker_owner {
 public:
  virtual void on_worker_ready(worker_link& worker) = 0;
  /// It has answered all items of its range; the reference is the owner's again.
  virtual void on_worker_idle(worker_link& worker, const item_range& finished, duration taken) = 0;
  /// It is gone. `not_begun`: what another worker may run, the reference included; work == nullptr: nothing.
  /// `start_failure`: why it never got ready; empty: it had been.
  virtual void on_worker_ended(worker_link& worker, const item_range& not_begun, const std::string& start_failure) = 0;

 protected:
  ~worker_owner() = default;
};

/// One worker. Only the turns of the supervisor use it.
///
///               hello            run               last answer
///   starting ─────────▶ idle ─────────▶ busy ────────────────────▶ idle
///      │                 │ leave          │
///      │                 ▼                │
///      │              leaving             │
///      └─────────────────┴────────────────┴── its end reported ──▶ ended: all it wrote is read, then what it was
///                                                                  running fails, and the rest goes back
class worker_link final : public event_handler {
 public:
  enum class state { starting, idle, busy, leaving, ended };

  worker_link(std::uint64_t number, supervisor& boss, worker_owner& owner, nanny_link& nanny, descriptor socket,
              time_point start_deadline);
  ~worker_link();
  worker_link(const worker_link&) = delete;
  worker_link& operator=(const worker_link&) = delete;

  std::uint64_t number() const noexcept { return number_; }
  state now() const noexcept { return state_; }
  pid_t pid() const noexcept { return pid_; }
  nanny_link& nanny() const noexcept { return nanny_; }
  remote_work* running() const noexcept { return state_ == state::busy ? range_.work : nullptr; }

  /// When idle. Takes over the range's reference.
  void run(const item_range& range);
  /// When idle: it is to flush its output and end.
  void leave(time_point deadline);
  /// The item that it runs ends as cancelled.
  void cancel_by_kill();
  void kill();

  /// Until then it must have become ready, or have left; time_point::max() if nothing is awaited.
  time_point deadline() const noexcept { return deadline_; }
  void on_deadline();
  /// When starting: others of its kind do start, so this one only waits for its turn.
  void be_patient(time_point deadline) noexcept { deadline_ = deadline; }

  void on_started(pid_t pid) noexcept { pid_ = pid; }
  void on_not_started(int error);
  void on_ended(const worker_end& end);
  void on_event(std::uint32_t events) override;

 private:
  void announce(const code_location& where);
  void send_queued();
  void receive();
  void on_frame(const frame& f);
  void on_hello(const frame& f);
  void on_answer(const frame& f);
  void give_up(std::string why);
  /// What happens to the range of a worker that died; returns what has not begun.
  item_range settle(const worker_end& end);
  std::exception_ptr death(const worker_end& end, const item_range& at) const;

  const std::uint64_t number_;
  supervisor& boss_;
  worker_owner& owner_;
  nanny_link& nanny_;
  channel channel_;
  state state_ = state::starting;
  pid_t pid_ = 0;
  time_point deadline_;
  bool watching_output_ = false;
  bool input_ended_ = false;
  bool left_unread_ = false;     // it died without having read all that was sent to it
  bool output_pending_ = false;  // or that was still to be sent
  bool cancelling_ = false;
  std::string given_up_;  // why it was killed, when that was not at anybody's wish
  std::vector<bool> announced_;
  std::uint64_t run_ = 0;
  item_range range_;
  std::size_t done_ = 0;
  time_point began_;
};

}  // namespace fanout::detail
