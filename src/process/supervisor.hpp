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
#include "core/look_habit.hpp"
#include "descriptor.hpp"
#include "event_handler.hpp"
#include "fanout/duration.hpp"
#include "nanny_link.hpp"
#include "oom.hpp"
#include "shared_memory.hpp"
#include "slab.hpp"
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

/// One for the process, while there are pools. Everything happens in turns: whoever takes one looks at all workers'
/// rings and all pools, once. Its thread does when the epoll has news: of workers' sockets, the nannies', a timer. When
/// workers have answered, or other threads have put something into an inbox, it is for who watches:
///
///                    submit, by a thread                  a thread blocks for a result
///          ┌──────────────────────────────▶ nobody ────────────────────────────────────▶ a leader
///          │                                 │  ▲                                          │ │ it has its result:
///       thread ◀───── 1 ms, or notify() ─────┘  └────────── nobody else waits ─────────────┘ └─▶ the next who waits
///        │   ▲                                                                                   leads
///  submit by │ the run ends, or it did not sleep for 1 to 2 ms
///  a loop ▼  │
///         a loop
///
/// Who watches waits for a bell, which workers ring while no turn is taken: the program page says so by an odd number.
/// A leader's is a futex, the thread's and a loop's the doorbell, an eventfd. It is set at the end of a turn, after
/// which every ring is looked at once more. With nobody watching it is not set, and nobody rings: a thread that has
/// just submitted will submit again, or wait for a result, and looks then. Should it do neither, the supervisor's
/// thread looks after a millisecond. Who blocks while another watches sleeps on a flag of its own, and is woken by
/// whoever takes the turn that brings its result.
///
/// It ends, and the nanny with it, with the last pool; then the nanny is waited for, so that the resource usage of all
/// workers is accounted.
class supervisor final : public outside, private nanny_listener, private event_handler {
 public:
  /// The one there is, or a new one. Throws std::system_error.
  static std::shared_ptr<supervisor> get();

  supervisor();
  ~supervisor() override;
  bool is_of_this_process() const noexcept;
  supervisor(const supervisor&) = delete;
  supervisor& operator=(const supervisor&) = delete;

  // From any thread:
  void add(supervised& pool);
  /// Calls every pool's advance() soon.
  void notify() noexcept;
  /// On a thread of `loop`: lets it watch, if it can and no other does, nor a leader.
  void offer_to(scheduler& loop) noexcept;
  /// Calls `f()` between two turns. False: this is a turn, so it was not called.
  template <class F>
  bool between_turns(F&& f) noexcept {
    if (is_turning_here()) return false;
    const std::lock_guard lock(turning_);
    turn_by(std::forward<F>(f));
    return true;
  }
  /// For a thread that has something new: calls `f()` in a turn, if none is being taken just now. False: one is.
  /// `stays`: it will look for answers itself, soon.
  template <class F>
  bool try_turn(bool stays, F&& f) noexcept {
    if (is_turning_here() || !turning_.try_lock()) return false;
    const std::lock_guard lock(turning_, std::adopt_lock);
    if (stays) leave_unwatched();
    turn_by(std::forward<F>(f));
    return true;
  }

  // From a thread that blocks for a result:
  void block_until(std::atomic<std::uint32_t>& flag, const time_point* deadline) noexcept override;
  void wake(const std::atomic<std::uint32_t>& flag) noexcept override;

  // From the attendant:
  /// The doorbell rang: takes a turn.
  void answer_doorbell() noexcept;
  /// It woke up: sees to it that the thread steps in if it does not sleep again soon.
  void look_after_attendant() noexcept { look_after(); }
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
  /// Has the kernel ended a process for want of memory, since this was last asked?
  bool memory_ran_out() { return oom_.killed_since(); }
  /// Keeps a dead worker until all events of this turn are dealt with: one may be its.
  void bury(std::unique_ptr<worker_link> worker);

  static duration start_timeout() noexcept;
  /// For tests.
  static void set_start_timeout(duration time) noexcept;
  /// For tests: called in the next turn, once; what it throws is an error of the supervisor's own.
  static void fail_next_turn_by(void (*fault)()) noexcept;

 private:
  /// So long a loop that watches may be busy, and nobody watch: what the pools do is delayed by so much, or twice that.
  static constexpr duration patience = std::chrono::milliseconds(1);
  /// The same where a thread has waited for its results, again and again. The supervisor's thread is not to wake up
  /// often then: the system places others beside it, on a CPU that was idle, which makes their trips several times
  /// longer.
  static constexpr duration most_patience = 16 * patience;

  enum class watcher : unsigned char { nobody, thread, loop, leader };
  /// A thread that blocks while another watches.
  struct follower {
    std::atomic<std::uint32_t>& flag;
    follower* next = nullptr;
    bool dropped = false;  // taken out of the list when its flag was set already
  };

  // watching.cpp: who waits for a bell
  void run();
  bool wait();
  void step_in_if_needed() noexcept;
  void wake_thread() noexcept;
  void leave_unwatched() noexcept;
  void look_after() noexcept;
  void pass_on() noexcept;
  bool lead_or_follow(follower& self) noexcept;
  void lead(std::atomic<std::uint32_t>& flag, const time_point* deadline) noexcept;
  bool look_for_bell() noexcept;
  bool follow(follower& self, const time_point* deadline) noexcept;
  void stop_leading() noexcept;
  void stop_following(follower& self) noexcept;
  void ring_for(watcher by) noexcept;
  leader_bell& bell_of_leader() const noexcept;
  std::shared_ptr<attendant> current_attendant() noexcept;
  std::shared_ptr<attendant> take_attendant() noexcept;

  // supervisor.cpp: turns
  static std::uintptr_t this_thread_id() noexcept;
  bool is_turning_here() const noexcept { return turning_thread_.load(std::memory_order_relaxed) == this_thread_id(); }
  bool take_turn(bool with_events) noexcept;
  template <class F>
  void turn_by(F&& f) noexcept {
    begin_turn();
    try {
      f();
    } catch (const std::exception& error) {
      abandon_pools(error.what());
    }
    if (end_turn()) pass_on();
  }
  void turn(bool with_events);
  void begin_turn() noexcept;
  bool end_turn() noexcept;
  void note_who_works() noexcept;
  void abandon_pools(const char* why) noexcept;
  bool workers_have_news() noexcept;
  program_page& page() const noexcept;
  void set_alarm() noexcept;
  void on_event(std::uint32_t events) override;
  void on_nanny_report(const nanny_report& news) override;
  void on_nanny_gone(nanny_link& nanny, std::string why) override;
  nanny_link& watch_nanny(nanny_process nanny, const nanny_program& program);
  std::unique_ptr<nanny_link> take(nanny_link& nanny);
  void reap(bool wait) noexcept;

  const pid_t process_;
  const unsigned cpus_;  // which made it: in a fork of that there is no such thread
  const kept_slabs kept_slabs_{kept_by_program};
  descriptor epoll_;  // for the thread alone
  descriptor doorbell_;
  descriptor alarm_;                    // a timer: when the first pool wants on_deadline()
  descriptor thread_bell_;              // rung when the thread is to look who watches, or to end
  descriptor watch_;                    // a timer, see look_after()
  std::atomic<bool> stopping_ = false;  // release in the destructor, acquire in run()

  std::mutex arriving_mutex_;  // guards the next one
  std::vector<supervised*> arriving_;
  /// There is something in an inbox. Set (seq_cst) before it is looked who watches; cleared when a turn begins, looked
  /// at when it ends (seq_cst, after `sleeps` was set), and by who ceases to watch, after it has said so.
  std::atomic<bool> rung_ = false;

  std::atomic<watcher> watched_by_ = watcher::thread;
  std::atomic<bool> watching_ = false;  // the timer runs; its partner is attendant::asleep_, see step_in_if_needed()
  // When the last turn ended: late is good enough.
  std::atomic<bool> in_flight_ = false;                // some worker had work
  std::atomic<bool> looking_disturbs_nobody_ = false;  // and each that had it another CPU than who took that turn
  std::uint64_t seen_leaders_ = 0;                     // the thread's own: when the timer last went off
  duration patience_ = patience;                       // the thread's own: for how long it set the timer then
  unsigned seen_wakes_ = 0;    // the thread's own: of the attendant, when the timer last went off
  std::mutex watching_mutex_;  // guards the next ones, and who becomes or ceases to be leader or loop
  std::shared_ptr<attendant> attendant_;
  follower* first_follower_ = nullptr;
  /// The leader's: it says so, then looks at the flag; who sets the flag looks here afterwards (both seq_cst).
  std::atomic<const std::atomic<std::uint32_t>*> leader_flag_ = nullptr;
  std::atomic<std::uintptr_t> leader_thread_ = 0;
  std::atomic<std::uint64_t> leaders_ = 0;  // so many there have been; alone
  look_habit leaders_habit_;                // the leader's

  descriptor program_page_;  // of program_page, see there
  mapping program_page_memory_;
  descriptor leader_bell_;  // of leader_bell
  mapping leader_bell_memory_;

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
  oom_watch oom_;

  std::thread thread_;  // last: it uses all of the above
};

}  // namespace fanout::detail
