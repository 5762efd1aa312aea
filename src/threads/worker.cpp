// SPDX-License-Identifier: Apache-2.0
#include "threads/worker.hpp"

#include <pthread.h>

#include <algorithm>
#include <utility>

#include "fanout/detail/blocking.hpp"
#include "fanout/detail/pause.hpp"
#include "fanout/errors.hpp"
#include "threads/search.hpp"

namespace fanout::detail {

namespace {

struct stack_bounds {
  const char* lowest;
  std::size_t size;
};

const stack_bounds& this_stack() {
  static thread_local const stack_bounds bounds = [] {
    pthread_attr_t attributes;
    if (pthread_getattr_np(pthread_self(), &attributes) != 0) return stack_bounds{nullptr, 0};
    void* lowest = nullptr;
    std::size_t size = 0;
    pthread_attr_getstack(&attributes, &lowest, &size);
    pthread_attr_destroy(&attributes);
    return stack_bounds{static_cast<const char*>(lowest), size};
  }();
  return bounds;
}

std::size_t stack_left() {
  return static_cast<std::size_t>(static_cast<char*>(__builtin_frame_address(0)) - this_stack().lowest);
}
/// For what a task does besides waiting.
std::size_t stack_to_keep() { return this_stack().size / 8; }

/// Sleeps until the flag is set or the deadline has passed. Is it set?
bool wait_for_flag(const std::atomic<std::uint32_t>& flag, const time_point* deadline) noexcept {
  while (flag.load(std::memory_order_acquire) == 0) {
    if (deadline == nullptr) {
      futex_wait(flag, 0);
    } else if (!futex_wait_until(flag, 0, *deadline)) {
      return flag.load(std::memory_order_acquire) != 0;
    }
  }
  return true;
}

}  // namespace

// --- finding work

void worker::run(op& work) noexcept {
  const auto outer = std::exchange(made_from_, own_.end());
  work.run(work);
  made_from_ = outer;
}

void worker::run_taken(op& work) noexcept {
  run(work);
  completed_.count();
}

/// What it made itself first, the newest before all: what that needs is still in its caches, and what it makes in its
/// turn is run before there can be much of it. But everything has its turn, also with work that makes itself anew for
/// ever: now and then the oldest comes first, in turns what the pool was given, and its own. Not often, for the oldest
/// may be a tree of work: to begin many such before the first is done takes memory, and forgets what is in the caches.
op* worker::find() noexcept {
  if (all_.inbox_.armed() && all_.inbox_.due()) all_.inbox_.take_due();
  if (op* const work = find_in_turn()) return work;
  if (op* const work = own_.pop()) return work;
  if (op* const work = find_given()) return work;
  return all_.steal(*this);
}

op* worker::find_in_turn() noexcept {
  if (++since_look_ < look_every_) return nullptr;  // a look at the clock takes as long as five small ops
  since_look_ = 0;
  const time_point now = std::chrono::steady_clock::now();
  look_every_ = now > next_turn_ + turn ? std::max(1U, look_every_ / 2) : std::min(64U, look_every_ * 2);
  if (now < next_turn_) return nullptr;
  next_turn_ = now + turn;
  givens_turn_ = !givens_turn_;
  if (!givens_turn_) return own_.steal();
  op* const held_up = all_.steal(*this);  // in the share of one who is busy with something else
  return held_up != nullptr ? held_up : find_given();
}

/// The oldest that the pool was given. Takes a share of it all at once, from which others may steal: so it comes to the
/// lock seldom, and the share is run before anything that is given later.
///
/// If workers are faster than who gives they would come for every single op, and take the lock's cache line from the
/// giver each time, who then is slower still. So after a small share this waits first, for about as long as that line
/// takes to come: then there are a few.
op* worker::find_given() noexcept {
  while (!share_.empty()) {
    if (op* const work = share_.steal()) return work;  // else a thief was faster
  }
  if (had_small_share_) {
    for (int i = 0; i < pauses_for_more; ++i) pause_briefly();
  }
  if (all_.inbox_.count() == 0) return nullptr;
  const op_chain taken = all_.inbox_.take(all_.places());
  had_small_share_ = taken.count < inbox::most_taken;
  if (taken.count == 0) return nullptr;
  op* next = taken.first->next;
  for (std::size_t i = 1; i < taken.count; ++i) {
    op& work = *std::exchange(next, next->next);  // what follows it is read before: a thief may have run it at once
    share_.push(work);
  }
  if (taken.count > 1 && !searching_) all_.sleepers_.notify();  // who searches does so when it stops
  return taken.first;
}

op* worker::steal_from(worker& other) noexcept {
  op* work = other.share_.steal();
  if (work == nullptr) work = other.own_.steal();
  if (work != nullptr) stolen_.count();
  return work;
}

op* worker::search() noexcept {
  return search_for_a_while(
      native_time(), [this] { return find(); }, [this] { return all_.sleepers_.searching() == 1; });
}

void worker::end_search() noexcept {
  searching_ = false;
  event_count& sleepers = all_.sleepers_;
  if (sleepers.end_search() && all_.work_visible()) {
    sleepers.notify();
  } else if (all_.inbox_.armed()) {
    event_count::end_notify(sleepers.begin_notify_if_nobody_keeps_time());  // it may have been this one
  }
}

/// Null: the pool is over.
op* worker::next() noexcept {
  for (;;) {
    op* work = find();
    if (work == nullptr && habit_.is_worth_it()) {
      if (!searching_) searching_ = all_.sleepers_.begin_search();
      if (searching_) habit_.looked((work = search()) != nullptr);
    }
    if (work != nullptr) {
      if (searching_) end_search();
      return work;
    }
    if (all_.one_too_many()) {
      if (searching_) end_search();
      if (all_.become_spare(*this)) {
        sleeper_.bed.park(nullptr);
        if (all_.over()) return nullptr;
        continue;
      }
    }
    if (!sleep()) return nullptr;
  }
}

/// False: the pool is over. See event_count for why no wake-up is lost.
bool worker::sleep() noexcept {
  event_count& sleepers = all_.sleepers_;
  inbox& timers = all_.inbox_;
  sleeps_.count();
  had_small_share_ = false;  // whoever wakes it wants no delay
  sleepers.announce(sleeper_, std::exchange(searching_, false));
  if (!all_.work_visible()) {
    if (all_.closing()) all_.end_if_over();
    if (!all_.over()) {
      bool notified = false;
      if (timers.armed() && sleepers.keep_time(sleeper_)) {
        const time_point due = timers.earliest();  // not before it is the timekeeper: see inbox::earliest
        notified = sleeper_.bed.park(due != inbox::never ? &due : nullptr);
      } else {
        notified = sleeper_.bed.park(nullptr);
      }
      if (!notified) sleepers.retract(sleeper_);
      searching_ = true;
      return !all_.over();
    }
  }
  sleepers.retract(sleeper_);
  searching_ = true;
  return !all_.over();
}

void worker::work() noexcept {
  const context here(*this);
  while (op* const work = next()) run_taken(*work);
}

/// What its ops have forked last.
bool worker::take_back(const op& work) noexcept {
  if (!own_.pop_if(work)) return false;
  made_from_ = std::min(made_from_, own_.end());  // an earlier op may have made it: what comes now is this one's
  return true;
}

// --- waiting

worker::context::context(worker& w) noexcept : thread_context(w.all_.pool_), worker_(w) {}

void worker::context::may_wait() const {
  if (stack_left() < stack_to_keep()) {
    throw error(
        "thread_pool: a task waits for a task that waits for a task …, so deeply nested that the worker's stack "
        "is nearly used up; wait for them in a coroutine (co_await), or give the pool a larger stack_size");
  }
}

bool worker::context::run_own() noexcept {
  if (worker_.own_.end() <= worker_.made_from_) return false;
  op* const work = worker_.own_.pop();
  if (work == nullptr) return false;
  const context here(worker_);
  worker_.run_taken(*work);
  return true;
}

void worker::context::run(op& work) noexcept {
  const context here(worker_);
  worker_.run(work);
}

/// Keeps its place for a while, as long as somebody else can work.
void worker::context::block_until(const std::atomic<std::uint32_t>& flag, const time_point* deadline) noexcept {
  crew& all = worker_.all_;
  crew::waiting me{flag};
  for (auto place = all.begin_to_block(me);; place = all.ask_again()) {
    if (place.others_work) {
      const time_point patient_until = after(place.patience);
      const time_point& until = deadline != nullptr && *deadline < patient_until ? *deadline : patient_until;
      if (wait_for_flag(flag, &until) || &until == deadline) break;
    }
    if (all.give_place_away()) {
      wait_for_flag(flag, deadline);
      return all.take_place(me);
    }
    // There are too many threads already. If nobody else can work, it has to, on top of itself.
    if (!place.others_work) work_once(flag);
    if (flag.load(std::memory_order_acquire) != 0 || has_passed(deadline)) break;
  }
  all.end_to_block(me);
}

void worker::context::work_once(const std::atomic<std::uint32_t>& flag) noexcept {
  if (op* const work = worker_.find()) {
    const context here(worker_);
    worker_.run_taken(*work);
  } else {
    const time_point soon = after(std::chrono::milliseconds(1));
    wait_for_flag(flag, &soon);
  }
}

}  // namespace fanout::detail
