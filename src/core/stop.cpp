// SPDX-License-Identifier: Apache-2.0
// The list of callbacks of a stop_source, and the races around it.
#include "fanout/stop.hpp"

#include <sched.h>

#include "fanout/detail/this_thread.hpp"

namespace fanout {

namespace detail {

void stop_callback_base::attach(stop_token token) noexcept {
  stop_source* const source = token.source_;
  if (source == nullptr) return;
  source->link_to_parents();
  // Asked after it was listed: a source further up may have stopped while another thread is still linking the chain.
  if (!source->insert(*this) || (source->stop_requested() && source->take_out(*this))) invoke_(*this);
}

void stop_callback_base::leave(stop_token token) noexcept { token.source_->remove(*this); }

void stop_callback_base::unlist(std::uintptr_t now) noexcept {
  auto& link = *reinterpret_cast<stop_callback_base**>(place_.load(std::memory_order_relaxed));
  link = nullptr;
  if (next_ != nullptr) next_->list_at(link);
  place_.store(now, std::memory_order_relaxed);
}

}  // namespace detail

bool stop_source::stop_requested() const noexcept {
  int steps = 0;
  for (const stop_source* source = this; source != nullptr; source = source->parent_) {
    if (source->stopped_.load(std::memory_order_acquire)) return true;
    if (source->chained_.load(std::memory_order_acquire)) return false;
    if (++steps != long_way) continue;
    const_cast<stop_source*>(this)->link_to_parents();
    if (stopped_.load(std::memory_order_acquire)) return true;  // one above had stopped: it arrived by the linking
  }
  return false;
}

void stop_source::lock() noexcept {
  while (locked_.test_and_set(std::memory_order_acquire)) sched_yield();  // held for a few instructions only
}

void stop_source::link_to_parents() noexcept {
  // Bottom up. Whoever comes second may register its callback here before the first has joined the parent's list.
  // Nothing is lost: if the parent has stopped by then, the first one finds that out and stops this source, callbacks
  // and all.
  bool all = true;
  stop_source* top = this;
  for (; top->parent_ != nullptr && !top->chained_.load(std::memory_order_acquire); top = top->parent_) {
    auto seen = link::none;
    if (top->link_to_parent_.compare_exchange_strong(seen, link::under_way, std::memory_order_acquire)) {
      if (!top->parent_->insert(*top)) top->request_stop();
      top->link_to_parent_.store(link::done, std::memory_order_release);
    } else if (seen == link::under_way) {
      all = false;  // another thread is at it
    }
  }
  if (!all) return;  // whoever registers next finds it done
  for (stop_source* source = this; source != top; source = source->parent_) {
    source->chained_.store(true, std::memory_order_release);
  }
}

bool stop_source::insert(detail::stop_callback_base& callback) noexcept {
  lock();
  const bool alive = !stopped_.load(std::memory_order_relaxed);
  if (alive) {
    callback.next_ = nullptr;
    if (callbacks_ != nullptr) callbacks_->list_at(callback.next_);
    callback.list_at(callbacks_);
  }
  unlock();
  return alive;
}

/// False: request_stop was faster.
bool stop_source::take_out(detail::stop_callback_base& callback) noexcept {
  lock();
  const bool listed = callback.listed();
  if (listed) callback.unlist(nowhere);
  unlock();
  return listed;
}

void stop_source::remove(detail::stop_callback_base& callback) noexcept {
  if (take_out(callback)) return;
  if (notifier_ == detail::this_thread_identity()) {
    // It leaves from within its own callback, or that of a source chained to it: request_stop must not touch it again.
    if (callback.gone_ != nullptr) *callback.gone_ = true;
    if (callback.invoke_ == nullptr) static_cast<stop_source&>(callback).leave_walk(*this);
    callback.place_.store(nowhere, std::memory_order_relaxed);
  } else {
    while (callback.place_.load(std::memory_order_acquire) != nowhere) sched_yield();
  }
}

/// Those that are chained to it have left before it, so if request_stop is below it at all, it is here.
void stop_source::leave_walk(stop_source& parent) noexcept {
  if (walk_ != nullptr) *walk_ = &parent;
}

bool stop_source::begin_stop() noexcept {
  lock();
  const bool first = !stopped_.exchange(true, std::memory_order_acq_rel);
  if (first) notifier_ = detail::this_thread_identity();
  unlock();
  return first;
}

/// Takes it out of the list; null when there is none left.
detail::stop_callback_base* stop_source::next_callback() noexcept {
  lock();
  detail::stop_callback_base* const callback = callbacks_;
  if (callback != nullptr) {
    callback->unlist(running);
    callback->gone_ = nullptr;
  }
  unlock();
  return callback;
}

void stop_source::call(detail::stop_callback_base& callback) noexcept {
  bool gone = false;
  callback.gone_ = &gone;
  callback.invoke_(callback);
  if (gone) return;
  callback.place_.store(nowhere, std::memory_order_release);  // from here on a waiting detach() may free it
}

bool stop_source::request_stop() noexcept {
  if (!begin_stop()) return false;
  // Depth first through the sources chained to this one. `current` is always one that this thread has begun to stop,
  // and whose parents, up to this one, are too: their destructors wait while they are `running`, or, if it is this
  // thread that destroys them, move `current` up.
  stop_source* current = this;
  for (;;) {
    detail::stop_callback_base* const callback = current->next_callback();
    if (callback == nullptr) {
      if (current == this) return true;
      stop_source* const parent = current->parent_;
      current->walk_ = nullptr;
      current->place_.store(nowhere, std::memory_order_release);
      current = parent;
    } else if (callback->invoke_ != nullptr) {
      current->call(*callback);
    } else if (auto& chained = static_cast<stop_source&>(*callback); chained.begin_stop()) {
      chained.walk_ = &current;
      current = &chained;
    } else {
      chained.place_.store(nowhere, std::memory_order_release);  // somebody else is stopping it
    }
  }
}

}  // namespace fanout
