// SPDX-License-Identifier: Apache-2.0
// The thread that does the bookkeeping of all process pools.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "descriptor.hpp"
#include "event_handler.hpp"
#include "fanout/duration.hpp"
#include "nanny_link.hpp"

namespace fanout::detail {

class worker_link;
struct worker_end;

/// A pool, as the supervisor sees it. Called by its thread.
class supervised {
 public:
  /// After events, and after notify(): does what has become possible. False: it is over, and will not be called again.
  virtual bool advance() = 0;
  /// When it next wants on_deadline(); time_point::max(): never.
  virtual time_point deadline() const = 0;
  virtual void on_deadline(time_point now) = 0;
  /// That nanny is gone, and with it all its workers, which ended like this.
  virtual void on_nanny_gone(nanny_link& nanny, const worker_end& end) = 0;
  /// The supervisor itself failed: everything ends, for this reason.
  virtual void abandon(const char* why) noexcept = 0;

 protected:
  ~supervised() = default;
};

/// One for the process, while there are pools. Its thread waits in epoll_wait and nowhere else: on every worker's
/// socket, on the nanny's, and on the doorbell by which other threads say that there is work. It ends, and the nanny
/// with it, with the last pool; then the nanny is waited for, so that the resource usage of all workers is accounted.
class supervisor final : private nanny_listener, private event_handler {
 public:
  /// The one there is, or a new one. Throws std::system_error.
  static std::shared_ptr<supervisor> get();

  supervisor();
  ~supervisor();
  bool is_of_this_process() const noexcept;
  supervisor(const supervisor&) = delete;
  supervisor& operator=(const supervisor&) = delete;

  // From any thread:
  void add(supervised& pool);
  /// Calls every pool's advance() soon.
  void notify() noexcept;

  // From the supervisor thread:
  void watch(int fd, std::uint32_t events, event_handler& handler);
  void rewatch(int fd, std::uint32_t events, event_handler& handler);
  void unwatch(int fd);
  /// Starts one if there is none. Throws std::system_error.
  nanny_link& nanny_for(const nanny_program& program);
  /// One that is a single pool's: forked, so that there cannot be another.
  nanny_link& adopt(nanny_process nanny);
  /// Ends one that no worker belongs to any more.
  void dismiss(nanny_link& nanny);
  bool is_reaped(pid_t nanny) const;
  void flush_nanny(nanny_link& nanny);
  void add_worker(worker_link& worker);
  void remove_worker(worker_link& worker);
  std::uint64_t new_number() noexcept { return ++last_number_; }
  /// Keeps a dead worker until all events of this turn are dealt with: one may be its.
  void bury(std::unique_ptr<worker_link> worker);

  static duration start_timeout() noexcept;
  /// For tests.
  static void set_start_timeout(duration time) noexcept;

 private:
  void run();
  void turn();
  int timeout() const;
  void on_event(std::uint32_t events) override;
  void on_nanny_report(const nanny_report& news) override;
  void on_nanny_gone(nanny_link& nanny, std::string why) override;
  nanny_link& watch_nanny(nanny_process nanny, const nanny_program& program);
  std::unique_ptr<nanny_link> take(nanny_link& nanny);
  void reap(bool wait) noexcept;

  const pid_t process_;  // which made it: in a fork of that there is no such thread
  descriptor epoll_;
  descriptor doorbell_;
  std::atomic<bool> rung_ = false;      // whoever sets it rings; the supervisor clears it before it looks
  std::atomic<bool> stopping_ = false;  // release in the destructor, acquire in run()
  std::mutex mutex_;                    // guards arriving_
  std::vector<supervised*> arriving_;

  // The supervisor thread's own:
  std::vector<supervised*> pools_;
  std::vector<std::unique_ptr<nanny_link>> nannies_;
  std::vector<std::unique_ptr<nanny_link>> gone_nannies_;
  std::vector<pid_t> unreaped_;
  std::unordered_map<std::uint64_t, worker_link*> workers_;
  std::vector<std::unique_ptr<worker_link>> buried_;
  std::uint64_t last_number_ = 0;

  std::thread thread_;  // last: it uses all of the above
};

}  // namespace fanout::detail
