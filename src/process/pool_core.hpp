// SPDX-License-Identifier: Apache-2.0
// One process pool: its queue, its workers, and who gets what.
#pragma once

#include <cstddef>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "fanout/detail/remote_work.hpp"
#include "fanout/detail/waiter.hpp"
#include "fanout/duration.hpp"
#include "supervisor.hpp"
#include "worker_link.hpp"

namespace fanout::detail {

struct pool_plan {
  unsigned workers = 1;
  bool exec = false;                 ///< each worker is a program started anew, not a fork of the nanny
  std::vector<std::string> command;  ///< that program; empty: this one
  nanny_program nanny;               ///< its file empty: forked from this process
};

/// Other threads only put work into the inbox; all else belongs to the turns of the supervisor.
///
///   open ──close()──▶ draining ──nothing queued or running──▶ leaving ──last worker gone, own nanny too──▶ closed
///
/// Orthogonal to that: after three failed starts in a row no more workers are started (given_up_), and when none is
/// left all that is queued, then and later, fails with pool_broken.
class pool_core final : private supervised, private worker_owner {
 public:
  explicit pool_core(pool_plan plan);
  ~pool_core() = default;

  /// Once, first. Throws std::system_error; fanout::error if the nanny is to be forked and cannot be.
  void open();
  /// Once, last: returns when everything that was enqueued has ended, and all workers too.
  void close();
  void enqueue(remote_work& work, std::size_t count, std::size_t chunk);
  void kill_running(remote_work& work) noexcept;

 private:
  bool advance() override;
  time_point deadline() const override;
  void on_deadline(time_point now) override;
  void on_nanny_gone(nanny_link& nanny, const worker_end& end) override;
  void abandon(const char* why) noexcept override;
  void on_worker_ready(worker_link& worker) override;
  void on_worker_idle(worker_link& worker, const item_range& finished, duration taken) override;
  void on_worker_ended(worker_link& worker, const item_range& not_begun, const std::string& start_failure) override;

  bool is_of_this_process() const noexcept;
  void empty_inbox();
  void start_missing_workers();
  void start_worker();
  void count_start_failure(const std::string& why);
  void dispatch();
  std::size_t chunk_for(const item_range& range) const;
  void fail_queue(const std::string& why) noexcept;
  void release_workers();
  bool nothing_to_do() const;
  bool nanny_ended();

  const pool_plan plan_;
  const pid_t process_;  // which made it, and alone may use it
  std::shared_ptr<supervisor> boss_;

  std::mutex mutex_;  // guards the next three: the inbox
  std::vector<item_range> incoming_;
  std::vector<remote_work*> to_kill_;
  bool closing_ = false;
  completion closed_;

  nanny_process forked_nanny_;  // from open() to the supervisor's first turn

  // For turns of the supervisor only:
  nanny_link* own_nanny_ = nullptr;  // the forked one
  pid_t own_nanny_pid_ = 0;
  std::deque<item_range> queue_;
  std::vector<std::unique_ptr<worker_link>> workers_;
  std::vector<worker_link*> idle_;
  bool draining_ = false;
  bool leaving_ = false;
  unsigned failed_starts_ = 0;            // in a row
  std::string* nanny_failure_ = nullptr;  // while a nanny's workers end with it: where the first failed start is noted
  std::string given_up_;                  // why no more workers are started
};

}  // namespace fanout::detail
