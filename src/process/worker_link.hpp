// SPDX-License-Identifier: Apache-2.0
// The program's side of one worker: what it is doing, and what becomes of that when it ends.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <deque>
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
  /// It has answered all items of one run that were not taken back; the reference is the owner's again. `taken`: how
  /// long that was; 0: not known.
  virtual void on_run_ended(worker_link& worker, const item_range& finished, duration taken) = 0;
  /// One item has its outcome.
  virtual void on_item_ended() noexcept = 0;
  /// Another worker may run these. They come last first. The reference is the owner's again.
  virtual void on_taken_back(const item_range& range) = 0;
  /// It died while it ran this item, which is to fail with `why`, or to run again; the reference is the owner's.
  /// `killed`: the pool did it for that item's sake.
  virtual void on_item_lost(const item_range& item, std::exception_ptr why, bool killed) = 0;
  /// It is gone. `start_failure`: why it never got ready; empty: it had been.
  virtual void on_worker_ended(worker_link& worker, const std::string& start_failure) = 0;

 protected:
  ~worker_owner() = default;
};

/// One worker. Only the turns of the supervisor use it.
///
///               hello, initialized       run               last answer
///   starting ─────────────────────▶ idle ─────────▶ busy ────────────────▶ idle
///      │                             │ leave         │ ▲ run: more in flight
///      │                             ▼               │ └──┐
///      │                          leaving            └────┘
///      └─────────────────────────────┴───────────────┴── its end reported ──▶ ended: all it wrote is read, then the
///                                                        item it was at is lost, and what had not begun goes back
///
/// Of every run in flight the word in shared memory tells how many items have begun, and the answers how many have
/// ended; the item between the two is the one that runs. Whatever has not begun can be taken back at any time.
class worker_link final : public event_handler {
 public:
  enum class state { starting, idle, busy, leaving, ended };

  /// Throws std::system_error.
  worker_link(std::uint64_t number, supervisor& boss, worker_owner& owner, nanny_link& nanny, descriptor socket,
              time_point start_deadline);
  ~worker_link();
  worker_link(const worker_link&) = delete;
  worker_link& operator=(const worker_link&) = delete;

  std::uint64_t number() const noexcept { return number_; }
  state now() const noexcept { return state_; }
  pid_t pid() const noexcept { return pid_; }
  nanny_link& nanny() const noexcept { return nanny_; }
  bool has_work() const noexcept { return !runs_.empty(); }
  /// Has it begun one that it has not answered?
  bool is_at_item() noexcept { return !runs_.empty() && word_of(runs_.front()).begun() > runs_.front().answered; }
  /// It was killed, or will be.
  bool is_doomed() const noexcept { return killed_ || !given_up_.empty(); }
  /// It will take no more.
  bool is_going() const noexcept { return is_doomed() || state_ == state::leaving || state_ == state::ended; }
  /// Items that it was given so far.
  std::uint64_t given() const noexcept { return given_; }
  /// How long what it has will take, as far as that is known.
  duration backlog() const noexcept { return backlog_; }
  time_point idle_since() const noexcept { return idle_since_; }
  /// Blocks of shared memory that what it has names: it may not have taken their descriptors yet.
  std::size_t blocks_on_their_way() const noexcept { return blocks_on_their_way_; }

  /// To be called in each worker before its first run. When starting.
  void initialize_by(const code_location& function) noexcept { initializer_ = function; }

  /// Can it be given another run now?
  bool may_take() const noexcept {
    return (state_ == state::idle || state_ == state::busy) && !is_doomed() && runs_.size() < most_runs_in_flight &&
           !channel_.pending();
  }
  /// Takes over the range's reference. `expected`: how long it will take; 0: nobody knows. `timeout`: for each item;
  /// 0: none. `blocks`: of shared memory that its inputs name.
  void run(const item_range& range, duration expected, duration timeout, std::size_t blocks);
  /// The CPU on which it last waited for work.
  unsigned cpu() const noexcept { return channel_.page().worker_cpu.load(std::memory_order_relaxed); }
  /// When idle: it is to flush its output and end.
  void leave(time_point deadline);

  /// Takes back what has not begun of what comes after the first run, or of that, if it is the only one.
  void take_back();
  void take_back_all() { take_back_from(0); }
  /// What is not to begin any more.
  void take_back_dropped();
  /// Since when it has been at its first item, or earlier; time_point::max() if there is nothing to take back.
  time_point could_give_back_since() const noexcept;

  enum class cancel_outcome { not_here, taken_back, asked, runs };
  /// Of a task: takes it back, or asks it to stop if it takes a token.
  cancel_outcome cancel(const remote_work& work);
  /// Kills it for the sake of the item that it is at, which fails with `verdict`. What has not begun is taken back.
  void kill_item(std::exception_ptr verdict);
  void kill();

  /// When it must have become ready, or have left, or when it is to be seen whether an item's time is over;
  /// time_point::max() if nothing is awaited.
  time_point deadline() const noexcept { return deadline_; }
  void on_deadline(time_point now);
  /// When starting: others of its kind do start, so this one only waits for its turn.
  void be_patient(time_point deadline) noexcept { deadline_ = deadline; }
  /// Bytes that it has resident; 0: not known.
  std::size_t resident_bytes() const;

  void on_started(pid_t pid) noexcept { pid_ = pid; }
  void on_not_started(int error);
  void on_ended(const worker_end& end);
  void on_event(std::uint32_t events) override;

  /// Reads what it has answered, and sends what there is room for.
  void look();
  /// Would look() do anything?
  bool has_news() noexcept {
    return state_ != state::ended && given_up_.empty() &&
           (channel_.has_input() || (!killed_ && channel_.has_room_for_pending()));
  }

 private:
  struct run_in_flight {
    std::uint64_t number;
    item_range range;          // what was not answered yet
    std::size_t answered = 0;  // before that
    duration expected;
    duration timeout;
    time_point since;  // when it was sent, or an item before it ended
    std::size_t blocks;
    std::uint64_t slab = 0;  // where its inputs lie; 0: they went through the ring
    bool recalled = false;
  };

  run_word& word_of(const run_in_flight& run) noexcept {
    return channel_.page().runs[run.number % most_runs_in_flight];
  }
  void announce(const code_location& where);
  bool on_frame(const frame& f);
  void on_hello(const frame& f);
  void on_initialized(const frame& f);
  void become_ready();
  void on_answer(const frame& f);
  void on_returned();
  void end_run(duration taken);
  void give_up(std::string why);
  void recall(run_in_flight& run);
  void take_back_from(std::size_t first_run);
  void look_at_time(time_point now);
  void watch_time() noexcept;
  void settle(const worker_end& end);
  void settle_run(run_in_flight& run, std::size_t begun, const worker_end& end, const char* when);
  std::exception_ptr death(const worker_end& end, const char* when, const item_range& at) const;

  const std::uint64_t number_;
  supervisor& boss_;
  worker_owner& owner_;
  nanny_link& nanny_;
  descriptor socket_;
  channel channel_;
  state state_ = state::starting;
  bool initializing_ = false;
  pid_t pid_ = 0;
  time_point deadline_;
  time_point idle_since_;
  bool watching_socket_ = true;
  bool killed_ = false;
  std::string given_up_;  // why it was killed, when that was not at anybody's wish
  std::exception_ptr verdict_;
  code_location initializer_;
  std::vector<bool> announced_;
  std::uint64_t last_run_ = 0;
  std::uint64_t given_ = 0;
  duration backlog_{};
  std::size_t blocks_on_their_way_ = 0;
  std::deque<run_in_flight> runs_;  // the first one is the one that it is at
};

}  // namespace fanout::detail
