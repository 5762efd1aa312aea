// SPDX-License-Identifier: Apache-2.0
// The list of callbacks of a stop_source, and the races around it.
#include "fanout/stop.hpp"

#include <sched.h>

#include "fanout/detail/this_thread.hpp"

namespace fanout {

namespace detail {

void stop_callback_base::attach(stop_source* source) noexcept {
  if (source == nullptr) return;
  source_ = source;
  if (!source->add(*this)) {
    source_ = nullptr;  // never listed: nothing to detach
    invoke_(*this);
  }
}

void stop_callback_base::detach() noexcept {
  if (source_ != nullptr) std::exchange(source_, nullptr)->remove(*this);
}

}  // namespace detail

stop_source::stop_source(stop_token parent) noexcept
    : stop_callback_base([](stop_callback_base& self) noexcept { static_cast<stop_source&>(self).request_stop(); }),
      parent_(parent.source_) {}

stop_source::~stop_source() { detach(); }

bool stop_source::stop_requested() const noexcept {
  for (const stop_source* source = this; source != nullptr; source = source->parent_) {
    if (source->stopped_.load(std::memory_order_acquire)) return true;
  }
  return false;
}

void stop_source::lock() noexcept {
  while (locked_.test_and_set(std::memory_order_acquire)) sched_yield();  // held for a few instructions only
}

void stop_source::link_to_parent() noexcept {
  // Whoever comes second may register its callback here before the first has joined the parent's list. Nothing is
  // lost: if the parent has stopped by then, the first one's attach() asks this source to stop, callbacks and all.
  if (parent_ != nullptr && !linked_.load(std::memory_order_relaxed) && !linked_.exchange(true)) attach(parent_);
}

bool stop_source::add(detail::stop_callback_base& callback) noexcept {
  link_to_parent();
  lock();
  if (stopped_.load(std::memory_order_relaxed)) {
    unlock();
    return false;
  }
  callback.next_ = callbacks_;
  callback.link_ = &callbacks_;
  if (callbacks_ != nullptr) callbacks_->link_ = &callback.next_;
  callbacks_ = &callback;
  unlock();
  return true;
}

void stop_source::remove(detail::stop_callback_base& callback) noexcept {
  lock();
  if (callback.link_ != nullptr) {
    *callback.link_ = callback.next_;
    if (callback.next_ != nullptr) callback.next_->link_ = callback.link_;
    unlock();
    return;
  }
  const void* const notifier = notifier_;
  unlock();
  if (notifier == detail::this_thread_identity()) {
    if (callback.gone_ != nullptr) *callback.gone_ = true;  // it destroys itself: request_stop must not touch it again
  } else {
    while (!callback.done_.load(std::memory_order_acquire)) sched_yield();
  }
}

bool stop_source::request_stop() noexcept {
  lock();
  if (stopped_.exchange(true, std::memory_order_acq_rel)) {
    unlock();
    return false;
  }
  notifier_ = detail::this_thread_identity();
  while (detail::stop_callback_base* callback = callbacks_) {
    callbacks_ = callback->next_;
    if (callbacks_ != nullptr) callbacks_->link_ = &callbacks_;
    callback->link_ = nullptr;
    bool gone = false;
    callback->gone_ = &gone;
    unlock();
    callback->invoke_(*callback);
    if (!gone) {
      callback->gone_ = nullptr;
      callback->done_.store(true, std::memory_order_release);  // after this a waiting detach() may free it
    }
    lock();
  }
  unlock();
  return true;
}

}  // namespace fanout
