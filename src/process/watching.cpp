// SPDX-License-Identifier: Apache-2.0
// Who waits for a bell; the states are drawn in supervisor.hpp. Whoever begins to watch takes a turn before it
// sleeps: so it need not know what happened before.
#include <poll.h>

#include <algorithm>
#include <chrono>
#include <exception>
#include <utility>

#include "counters.hpp"
#include "fanout/detail/futex.hpp"
#include "looking.hpp"
#include "shared_futex.hpp"
#include "supervisor.hpp"

namespace fanout::detail {

namespace {

/// What a follower's flag holds when it is to lead.
constexpr std::uint32_t promoted = 2;
static_assert(promoted != outside::flag_set);

}  // namespace

// --- ringing

/// The flag first, then who watches; who ceases to watch says so, then looks at the flag: one of the two sees the
/// other.
void supervisor::notify() noexcept {
  if (rung_.exchange(true, std::memory_order_seq_cst)) return;  // the next turn will see it, and was rung for
  auto by = watcher::nobody;
  if (watched_by_.compare_exchange_strong(by, watcher::thread, std::memory_order_seq_cst)) {
    wake_thread();
  } else {
    ring_for(by);
  }
}

leader_bell& supervisor::bell_of_leader() const noexcept {
  return *reinterpret_cast<leader_bell*>(leader_bell_memory_.data());
}

/// Should another watch by now, it has taken a turn since.
void supervisor::ring_for(watcher by) noexcept {
  if (by == watcher::leader) {
    bell_of_leader().ring();
  } else {
    ring(doorbell_);
  }
}

void supervisor::wake_thread() noexcept { ring(thread_bell_); }

/// There is more, of which no worker will ring.
void supervisor::pass_on() noexcept {
  const auto by = watched_by_.load(std::memory_order_seq_cst);
  if (by == watcher::nobody) return look_after();
  ring_for(by);
}

/// The timer: when it goes off the thread sees whether somebody still watches.
void supervisor::look_after() noexcept {
  if (!watching_.exchange(true, std::memory_order_seq_cst)) set_timer(watch_, patience);
}

// --- the thread

void supervisor::run() {
  while (!stopping_.load(std::memory_order_acquire)) {
    const bool with_events = wait();
    if (!with_events && watched_by_.load(std::memory_order_seq_cst) != watcher::thread) continue;
    bool more = take_turn(with_events);
    while (more && watched_by_.load(std::memory_order_seq_cst) == watcher::thread) more = take_turn(false);
    if (more) pass_on();
  }
}

/// True: the epoll has news.
bool supervisor::wait() {
  const auto readable = [](const descriptor& d) { return pollfd{.fd = d.get(), .events = POLLIN, .revents = 0}; };
  pollfd awaited[] = {readable(thread_bell_), readable(epoll_), readable(watch_), readable(doorbell_)};
  const bool watches = watched_by_.load(std::memory_order_seq_cst) == watcher::thread;
  ::poll(awaited, watches ? 4 : 3, -1);
  if (awaited[0].revents != 0) clear(thread_bell_);
  if (awaited[2].revents != 0) step_in_if_needed();
  if (watches && awaited[3].revents != 0 && watched_by_.load(std::memory_order_seq_cst) == watcher::thread)
    clear(doorbell_);
  return awaited[1].revents != 0;
}

/// The timer went off. A leader sleeps, or takes turns. A loop that sleeps attends; it sets the timer again when it
/// wakes up: it clears `asleep`, then looks at `watching_`, which is cleared here before `asleep` is looked at (all
/// seq_cst): one of the two sees the other.
void supervisor::step_in_if_needed() noexcept {
  clear(watch_);
  const auto leaders = leaders_.load(std::memory_order_relaxed);
  if (std::exchange(seen_leaders_, leaders) != leaders) {
    patience_ = std::min(2 * patience_, most_patience);
    return set_timer(watch_, patience_);
  }
  patience_ = patience;
  watching_.store(false, std::memory_order_seq_cst);
  auto nobody = watcher::nobody;
  if (watched_by_.compare_exchange_strong(nobody, watcher::thread, std::memory_order_seq_cst)) return;
  const auto current = current_attendant();
  if (current == nullptr) return;
  const unsigned wakes = current->wakes();
  if (std::exchange(seen_wakes_, wakes) != wakes) return look_after();  // it slept in between; and need not set it now
  if (current->asleep()) return;
  if (const auto dismissed = take_attendant()) dismissed->dismiss();
}

// --- a thread that submits

/// It will submit more, or wait for a result, and looks then. The thread may go on waiting for the doorbell: nobody
/// rings.
void supervisor::leave_unwatched() noexcept {
  auto thread = watcher::thread;
  watched_by_.compare_exchange_strong(thread, watcher::nobody, std::memory_order_seq_cst);
  if (watched_by_.load(std::memory_order_relaxed) == watcher::nobody) look_after();
}

// --- a loop

void supervisor::offer_to(scheduler& loop) noexcept {
  const auto is_watched = [this] {
    const auto by = watched_by_.load(std::memory_order_seq_cst);
    return by == watcher::loop || by == watcher::leader;
  };
  if (is_watched() || !loop.may_attend()) return;
  std::shared_ptr<attendant> former;
  try {
    const std::lock_guard lock(watching_mutex_);
    if (is_watched()) return;
    const auto one = std::make_shared<attendant>(*this, doorbell_, loop);
    loop.attend(one);
    former = std::exchange(attendant_, one);
    watched_by_.store(watcher::loop, std::memory_order_seq_cst);
  } catch (const std::exception&) {
    return;  // no memory, or no descriptor: who watches goes on as before
  }
  if (former != nullptr) former->dismiss();  // it is over; but its loop may not have returned from attendant_left() yet
  ring_for(watcher::loop);                   // its first turn
  look_after();
}

void supervisor::answer_doorbell() noexcept {
  clear(doorbell_);
  if (take_turn(false)) pass_on();
}

std::shared_ptr<attendant> supervisor::current_attendant() noexcept {
  const std::lock_guard lock(watching_mutex_);
  return watched_by_.load(std::memory_order_relaxed) == watcher::loop ? attendant_ : nullptr;
}

std::shared_ptr<attendant> supervisor::take_attendant() noexcept {
  const std::lock_guard lock(watching_mutex_);
  auto loop = watcher::loop;
  if (watched_by_.compare_exchange_strong(loop, watcher::thread, std::memory_order_seq_cst)) wake_thread();
  return std::exchange(attendant_, nullptr);
}

void supervisor::attendant_left() noexcept {
  auto loop = watcher::loop;
  watched_by_.compare_exchange_strong(loop, watcher::thread, std::memory_order_seq_cst);
  wake_thread();
}

// --- threads that block

void supervisor::block_until(std::atomic<std::uint32_t>& flag, const time_point* deadline) noexcept {
  follower self{.flag = flag};
  const bool leads = lead_or_follow(self) || follow(self, deadline);
  if (!leads) return;
  leaders_.fetch_add(1, std::memory_order_relaxed);
  leader_thread_.store(this_thread_id(), std::memory_order_relaxed);
  lead(flag, deadline);
  stop_leading();
}

/// True: it leads. False: it is a follower.
bool supervisor::lead_or_follow(follower& self) noexcept {
  const std::lock_guard lock(watching_mutex_);
  auto by = watched_by_.load(std::memory_order_relaxed);
  while (by == watcher::nobody || by == watcher::thread) {
    if (!watched_by_.compare_exchange_weak(by, watcher::leader, std::memory_order_seq_cst)) continue;
    leader_flag_.store(&self.flag, std::memory_order_seq_cst);
    return true;
  }
  follower** end = &first_follower_;
  while (*end != nullptr) end = &(*end)->next;
  *end = &self;
  return false;
}

/// Sleeps until its flag is set, or it is to lead. True: it leads now.
bool supervisor::follow(follower& self, const time_point* deadline) noexcept {
  for (;;) {
    auto value = self.flag.load(std::memory_order_seq_cst);
    if (value == promoted && self.flag.compare_exchange_strong(value, 0, std::memory_order_seq_cst)) return true;
    if (value == flag_set) break;
    if (deadline == nullptr) {
      futex_wait(self.flag, 0);
    } else if (!futex_wait_until(self.flag, 0, *deadline)) {
      break;
    }
  }
  stop_following(self);
  return false;
}

void supervisor::stop_following(follower& self) noexcept {
  {
    const std::lock_guard lock(watching_mutex_);
    for (follower** each = &first_follower_; *each != nullptr; each = &(*each)->next) {
      if (*each != &self) continue;
      *each = self.next;
      return;
    }
    if (self.dropped) return;
  }
  auto value = promoted;  // just now, and has no use for it any more
  self.flag.compare_exchange_strong(value, 0, std::memory_order_seq_cst);
  stop_leading();
}

void supervisor::lead(std::atomic<std::uint32_t>& flag, const time_point* deadline) noexcept {
  auto& rung = bell_of_leader().rung;
  while (flag.load(std::memory_order_seq_cst) != flag_set) {
    rung.store(0, std::memory_order_seq_cst);
    if (take_turn(false)) continue;
    if (flag.load(std::memory_order_seq_cst) == flag_set) return;
    if (look_for_bell()) continue;
    timespec left{};
    if (deadline != nullptr) {
      const duration time = *deadline - std::chrono::steady_clock::now();
      if (time <= duration::zero()) return;
      const auto seconds = std::chrono::floor<std::chrono::seconds>(time);
      left = {.tv_sec = seconds.count(), .tv_nsec = (time - seconds).count()};
    }
    shared_futex_wait(rung, 0, deadline != nullptr ? &left : nullptr);
  }
}

/// From another CPU an answer comes sooner than this thread falls asleep and is woken.
bool supervisor::look_for_bell() noexcept {
  if (!looking_disturbs_nobody_.load(std::memory_order_relaxed) || !leaders_habit_.is_worth_it()) return false;
  const bool found = look_for_a_while([this] { return bell_of_leader().rung.load(std::memory_order_seq_cst) != 0; });
  leaders_habit_.looked(found);
  return found;
}

/// The first who still waits leads; if there is none, nobody watches.
void supervisor::stop_leading() noexcept {
  const std::lock_guard lock(watching_mutex_);
  leader_thread_.store(0, std::memory_order_relaxed);
  while (follower* const next = first_follower_) {
    first_follower_ = next->next;
    auto& flag = next->flag;
    leader_flag_.store(&flag, std::memory_order_seq_cst);
    std::uint32_t waiting = 0;
    if (flag.compare_exchange_strong(waiting, promoted, std::memory_order_seq_cst)) return futex_wake_all(flag);
    next->dropped = true;  // its flag was set just now; it waits for the lock to leave
  }
  leader_flag_.store(nullptr, std::memory_order_seq_cst);
  watched_by_.store(watcher::nobody, std::memory_order_seq_cst);
  if (in_flight_.load(std::memory_order_relaxed) || rung_.load(std::memory_order_seq_cst)) look_after();
}

void supervisor::wake(const std::atomic<std::uint32_t>& flag) noexcept {
  const bool is_leaders = leader_flag_.load(std::memory_order_seq_cst) == &flag;
  if (is_leaders && leader_thread_.load(std::memory_order_relaxed) == this_thread_id()) return;  // it will look itself
  futex_wake_all(flag);  // a follower, or one that has just become the leader
  if (is_leaders) bell_of_leader().ring();
}

}  // namespace fanout::detail
