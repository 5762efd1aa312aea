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

#include "attendant.hpp"
#include "descriptor.hpp"
#include "event_handler.hpp"
#include "fanout/duration.hpp"
#include "nanny_link.hpp"
#include "shared_memory.hpp"
#include "worker_memory.hpp"

namespace fanout::detail {

class worker_link;
struct worker_end;

/// A pool, as the supervisor sees it. Called in its turns.
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

/// One for the process, while there are pools. Its thread waits for one epoll, and nowhere else: for every worker's
/// socket, the nanny's, a timer, and the doorbell by which other threads say that there is work, and workers that they
/// have answered. Then it takes a turn: looks at everything once, and again if there was more at the end of that. It
/// ends, and the nanny with it, with the last pool; then the nanny is waited for, so that the resource usage of all
/// workers is accounted.
///
/// Workers ring only while no turn is taken: the program page says so (an odd number). It is set at the end of a turn,
/// after which every ring is looked at once more.
///
/// A loop that submits waits for the epoll itself, whenever it sleeps, and takes the turns: what it awaits then costs
/// one wake-up, not two. Meanwhile the thread only looks after it, by a timer that runs after the loop woke up:
///
///                     offer_to(loop)
///   the thread waits ────────────────▶ the loop attends, the thread looks after it
///         ▲                                     │ the loop's run ends, or it did not sleep for 1 to 2 ms
///         └─────────────────────────────────────┘
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
  /// On a thread of `loop`: lets it attend to the workers, if it can and no other does.
  void offer_to(scheduler& loop) noexcept;

  /// Calls `f()` between two turns. False: this is a turn, so it was not called.
  template <class F>
  bool between_turns(F&& f) noexcept {
    if (turning_thread_.load(std::memory_order_relaxed) == this_thread_id()) return false;
    const std::lock_guard lock(turning_);
    begin_turn();
    f();
    if (end_turn()) ring_doorbell();
    return true;
  }

  // From the attendant:
  /// Does what there is to do. (Its thread does the same.) True: there is more already, of which nobody will ring.
  bool take_turn() noexcept;
  void ring_doorbell() noexcept;
  /// It woke up: sees to it that the thread steps in if it does not sleep again soon.
  void look_after_attendant() noexcept;
  /// Under its mutex: so it is still there for the destructor to wait for.
  void attendant_left() noexcept;

  // In a turn:
  /// When it began.
  time_point now() const noexcept { return now_; }
  /// Makes the memory that the program shares with a worker, and sends it to the worker. Throws std::system_error.
  descriptor welcome_worker(const descriptor& socket);
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
  /// For tests: called in the next turn, once; what it throws is an error of the supervisor's own.
  static void fail_next_turn_by(void (*fault)()) noexcept;

 private:
  void run();
  void wait();
  void step_in_if_needed() noexcept;
  void wake_thread() noexcept;
  std::shared_ptr<attendant> current_attendant() noexcept;
  std::shared_ptr<attendant> take_attendant() noexcept;
  void turn();
  void begin_turn() noexcept;
  bool end_turn() noexcept;
  bool workers_have_news() noexcept;
  program_page& page() const noexcept;
  bool is_asleep() const noexcept { return page().sleeps.load(std::memory_order_relaxed) % 2 != 0; }
  static std::uintptr_t this_thread_id() noexcept;
  void set_alarm() noexcept;
  void on_event(std::uint32_t events) override;
  void on_nanny_report(const nanny_report& news) override;
  void on_nanny_gone(nanny_link& nanny, std::string why) override;
  nanny_link& watch_nanny(nanny_process nanny, const nanny_program& program);
  std::unique_ptr<nanny_link> take(nanny_link& nanny);
  void reap(bool wait) noexcept;

  const pid_t process_;  // which made it: in a fork of that there is no such thread
  descriptor epoll_;
  descriptor doorbell_;
  descriptor alarm_;  // a timer: when the first pool wants on_deadline()
  struct alarm final : event_handler {
    explicit alarm(supervisor& s) noexcept : boss(s) {}
    void on_event(std::uint32_t events) override;
    supervisor& boss;
  } on_alarm_{*this};
  std::atomic<bool> rung_ = false;      // whoever sets it rings; the supervisor clears it before it looks
  std::atomic<bool> stopping_ = false;  // release in the destructor, acquire in run()
  std::mutex mutex_;                    // guards arriving_
  std::vector<supervised*> arriving_;

  descriptor thread_bell_;              // rung when attended_ has changed
  descriptor watch_;                    // a timer, see look_after_attendant()
  std::atomic<bool> attended_ = false;  // whether attendant_ is at work; else that is null, or over
  std::atomic<bool> watching_ = false;  // that timer runs
  unsigned seen_wakes_ = 0;             // the thread's own: of the attendant, when the timer last went off
  std::mutex attendant_mutex_;          // guards attendant_
  std::shared_ptr<attendant> attendant_;

  mapping program_page_memory_;  // of program_page, see there
  descriptor program_page_;

  std::atomic<std::uintptr_t> turning_thread_ = 0;  // which holds turning_; others only ask whether it is they
  std::mutex turning_;                              // held by who takes a turn, and guards all that follows:
  time_point now_;
  time_point alarm_at_ = time_point::max();
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
