// SPDX-License-Identifier: Apache-2.0
// One process pool: its queue, its workers, and who gets what.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "fanout/detail/remote_work.hpp"
#include "fanout/duration.hpp"
#include "fanout/pool_stats.hpp"
#include "fanout/shutdown.hpp"
#include "pace.hpp"
#include "supervisor.hpp"
#include "worker_link.hpp"

namespace fanout::detail {

struct pool_plan {
  unsigned workers = 1;
  bool exec = false;                 ///< each worker is a program started anew, not a fork of the nanny
  std::vector<std::string> command;  ///< that program; empty: this one
  nanny_program nanny;               ///< its file empty: forked from this process
  unsigned max_tasks_per_worker = 0;
  duration task_timeout{};
  std::size_t memory_limit = 0;
  unsigned retries = 0;
  code_location initializer;
  std::size_t recycle_above = 0;
  duration idle_timeout{};
};

/// Other threads only put work into the inbox, or act between two turns; all else belongs to the turns of the
/// supervisor.
///
///   open ──close()──▶ draining ──nothing queued or running──▶ leaving ──last worker gone, own nanny too──▶ closed
///            │           │ close(): harsher
///            └───────────┴──▶ cancelling: what is queued is cancelled ──▶ killing: what runs is killed, too
///
/// Orthogonal to that: after three failed starts in a row no more workers are started (given_up_), and when none is
/// left all that is queued, then and later, fails with pool_broken.
class pool_core final : private supervised, private worker_owner {
 public:
  explicit pool_core(pool_plan plan);
  ~pool_core() = default;

  /// Once, first. Throws std::system_error; fanout::error if the nanny is to be forked and cannot be.
  void open();
  /// From now on nothing is taken, and everything ends as the mode says. True: it has, and all workers too, by the
  /// deadline (time_point::max(): none); else it is killed, and has ended so.
  bool close(shutdown_mode mode, time_point deadline);
  void enqueue(remote_work& work, std::size_t count, std::size_t chunk, bool may_turn);
  bool cancel_handed_out(remote_work& work, cancel_mode mode) noexcept;
  void take_back_dropped() noexcept;
  pool_stats stats() const noexcept;
  /// Who sees to them; null once it is closed. Throws fanout::error in a fork of the program.
  std::shared_ptr<outside> results();

 private:
  enum class phase : unsigned char { open, draining, cancelling, killing, closed };

  void take_in();
  bool advance() override;
  time_point deadline() const override;
  void on_deadline(time_point now) override;
  void on_nanny_gone(nanny_link& nanny, const worker_end& end) override;
  void abandon(const char* why) noexcept override;
  void on_worker_ready(worker_link& worker) override;
  void on_run_ended(worker_link& worker, const item_range& finished, duration taken) override;
  void on_item_ended() noexcept override;
  void on_taken_back(const item_range& range) override;
  void on_item_lost(const item_range& item, std::exception_ptr why, bool killed) override;
  void on_worker_ended(worker_link& worker, const std::string& start_failure) override;

  bool is_of_this_process() const noexcept;
  std::shared_ptr<supervisor> boss() noexcept;
  void become_closed() noexcept;
  void empty_inbox();
  bool cancel_now(remote_work& work, cancel_mode mode);
  void follow_phase();
  void kill_everything();

  bool wants_more_workers() const;
  void start_missing_workers();
  void start_worker();
  void count_start_failure(const std::string& why);
  bool has_done_enough(const worker_link& worker) const;

  void dispatch();
  bool fill(worker_link& worker, duration most_backlog);
  bool drop_cancelled();
  duration timeout_of(const remote_work& work) const;
  std::size_t chunk_for(const item_range& range, duration item, const worker_link& worker) const;
  void rebalance(time_point now);
  time_point next_rebalance() const;
  bool someone_idles() const;

  void watch_memory(time_point now);
  void shrink(time_point now);
  void fail_queue(const std::string& why) noexcept;
  template <class MakeError>
  void end_queue(MakeError&& make_error) noexcept;
  void release_workers();
  void let_go(worker_link& worker);
  bool nothing_to_do() const;
  bool nanny_ended();
  void count_state() noexcept;

  const pool_plan plan_;
  const pid_t process_;  // which made it, and alone may use it

  mutable std::mutex mutex_;  // guards the next ones: the inbox
  std::shared_ptr<supervisor> boss_;
  std::vector<item_range> incoming_;
  std::vector<remote_work*> doomed_;  // to be killed, by who could not wait for the end of the turn
  phase wanted_ = phase::open;
  std::condition_variable closed_;

  nanny_process forked_nanny_;  // from open() to the supervisor's first turn

  // For turns of the supervisor only:
  nanny_link* own_nanny_ = nullptr;  // the forked one
  pid_t own_nanny_pid_ = 0;
  std::deque<item_range> queue_;
  std::vector<std::unique_ptr<worker_link>> workers_;
  pace_table paces_;
  phase phase_ = phase::open;
  bool leaving_ = false;
  time_point look_at_memory_ = time_point::max();
  unsigned failed_starts_ = 0;            // in a row
  std::string* nanny_failure_ = nullptr;  // while a nanny's workers end with it: where the first failed start is noted
  std::string given_up_;                  // why no more workers are started

  // Written in turns, read by stats(): each alone.
  struct counters {
    std::atomic<unsigned> processes = 0, busy = 0;
    std::atomic<std::size_t> queued = 0;
    std::atomic<std::uint64_t> completed = 0, started = 0, died = 0, retried = 0;
  } counted_;
};

}  // namespace fanout::detail
