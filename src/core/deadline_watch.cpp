// SPDX-License-Identifier: Apache-2.0
#include "fanout/detail/deadline_watch.hpp"

#include <pthread.h>

#include <condition_variable>
#include <mutex>
#include <thread>

#include "core/timer_heap.hpp"

namespace fanout::detail {

/// The lock guards everything here. The thread is told of a new deadline only if it would sleep for longer than that:
/// items of one length, armed one after another, leave it asleep until the first of them would be due.
struct deadline_watch::state {
  void run() {
    std::unique_lock lock(mutex);
    while (!closing) {
      if (timers.empty()) {
        awake_at = time_point::max();
        changed.wait(lock);
        continue;
      }
      timer_op& next = timers.earliest();
      if (next.deadline <= std::chrono::steady_clock::now()) {
        fire(static_cast<item&>(next), lock);
      } else {
        awake_at = next.deadline;
        const time_point until = awake_at;
        changed.wait_until(lock, until);
      }
    }
  }

  /// The stop request calls back whoever registered for it, so not under the lock; the item waits for that.
  void fire(item& due, std::unique_lock<std::mutex>& lock) {
    timers.erase(due);
    due.expired_ = true;
    firing = &due;
    stop_source& source = due.source_;
    lock.unlock();
    source.request_stop();
    lock.lock();
    firing = nullptr;
    fired.notify_all();
  }

  std::mutex mutex;
  std::condition_variable changed, fired;  // for the thread, and for the items that wait for it
  timer_heap timers;
  const item* firing = nullptr;
  time_point awake_at = time_point::max();
  bool closing = false;
  std::thread thread;
};

std::shared_ptr<deadline_watch> deadline_watch::get() {
  static auto* const mutex = new std::mutex;  // never destroyed: a map may outlive static destructors
  static auto* const current = new std::weak_ptr<deadline_watch>;
  const std::lock_guard lock(*mutex);
  auto found = current->lock();
  if (!found) *current = found = std::make_shared<deadline_watch>();
  return found;
}

deadline_watch::deadline_watch() : state_(std::make_unique<state>()) {
  state_->thread = std::thread([s = state_.get()] { s->run(); });
  pthread_setname_np(state_->thread.native_handle(), "fanout-clock");
}

deadline_watch::~deadline_watch() {
  {
    const std::lock_guard lock(state_->mutex);
    state_->closing = true;
    state_->changed.notify_one();
  }
  state_->thread.join();
}

deadline_watch::item::item(deadline_watch& watch, stop_source& source, duration time)
    : timer_op([](op&) noexcept {}), watch_(watch), source_(source) {  // it is never queued anywhere
  state& s = *watch_.state_;
  const std::lock_guard lock(s.mutex);
  s.timers.insert(*this, after(time));
  if (deadline >= s.awake_at) return;
  s.awake_at = deadline;  // so that only the first of many tells it
  s.changed.notify_one();
}

bool deadline_watch::item::end() noexcept {
  state& s = *watch_.state_;
  std::unique_lock lock(s.mutex);
  if (queued()) s.timers.erase(*this);
  while (s.firing == this) s.fired.wait(lock);
  return expired_;
}

}  // namespace fanout::detail
