// SPDX-License-Identifier: Apache-2.0
// Waiting for something that many may wait for, again and again: a queue of coroutines, first come, first served.
#pragma once

#include <concepts>
#include <mutex>

#include "fanout/detail/waiter.hpp"

namespace fanout::detail {

/// A place in a wait_list: part of the operation that an awaiter holds, so that queueing allocates nothing. Guarded by
/// the lock of the list's owner.
///
///                   add               take_first
///     not listed ─────────▶ listed ───────────────▶ granted ── wake_ups, once the lock is released ──▶ notified
///                             │ remove: the coroutine is asked to stop
///                             └──────▶ left
///
/// Both ways out of the list are under the lock, so there is no third case: either the coroutine was granted what it
/// waits for, and has it, or it left and has nothing.
class wait_link {
 public:
  wait_link() noexcept = default;
  wait_link(const wait_link&) = delete;
  wait_link& operator=(const wait_link&) = delete;

 private:
  template <class Operation>
  friend class wait_list;
  friend class wake_ups;

  waiter* waiter_ = nullptr;
  wait_link* previous_ = nullptr;
  wait_link* next_ = nullptr;
  bool listed_ = false;
};

/// Those who wait, the longest first.
template <class Operation>
class wait_list {
 public:
  bool empty() const noexcept { return first_ == nullptr; }

  /// As the last. As soon as the lock is released, `o` and the coroutine it is part of may be gone.
  void add(Operation& o, waiter& w) noexcept {
    static_assert(std::derived_from<Operation, wait_link>);
    wait_link& link = o;
    link.waiter_ = &w;
    link.listed_ = true;
    link.previous_ = last_;
    (last_ != nullptr ? last_->next_ : first_) = &link;
    last_ = &link;
  }

  /// False: it was granted before, and its waiter runs or will.
  bool remove(Operation& o) noexcept {
    wait_link& link = o;
    if (!link.listed_) return false;
    link.listed_ = false;
    (link.previous_ != nullptr ? link.previous_->next_ : first_) = link.next_;
    (link.next_ != nullptr ? link.next_->previous_ : last_) = link.previous_;
    return true;
  }

  /// Whose turn it is; null if nobody waits. Its coroutine stays suspended until wake_ups has it.
  Operation* take_first() noexcept {
    auto* const first = static_cast<Operation*>(first_);
    if (first != nullptr) remove(*first);
    return first;
  }

 private:
  wait_link* first_ = nullptr;
  wait_link* last_ = nullptr;
};

/// Notifies, in its destructor, those who were granted what they waited for. Declared before the lock is taken, and so
/// after it is released: a coroutine that has no scheduler runs at once, and may use what it waited for, or destroy it.
class wake_ups {
 public:
  wake_ups() noexcept = default;
  wake_ups(const wake_ups&) = delete;
  wake_ups& operator=(const wake_ups&) = delete;
  ~wake_ups() {
    while (first_ != nullptr) {
      waiter& w = *first_;
      first_ = static_cast<waiter*>(w.next);  // before it is notified: then it belongs to its scheduler, or is gone
      w.notify();
    }
  }

  /// In the order in which they are to go on.
  void add(wait_link& granted) noexcept {
    waiter& w = *granted.waiter_;
    w.next = nullptr;
    if (last_ != nullptr) {
      last_->next = &w;
    } else {
      first_ = &w;
    }
    last_ = &w;
  }

 private:
  waiter* first_ = nullptr;
  waiter* last_ = nullptr;
};

/// The base of what a wait_awaiter holds to wait in a list: makes a wait_source of an operation that has
///
///     lock()        what guards it, its list, and what it waits for
///     list()        where it waits; used with the lock held, as is
///     settle(wake)  true: there is no need to wait, and all is done: the permit is taken, the value is sent
///
/// The coroutine goes on in the same thread when ready() is true, so what is settled there is its.
class queued_wait : public wait_link {
 public:
  bool ready(this auto& self) noexcept {
    wake_ups wake;
    const std::lock_guard lock(self.lock());
    return self.settle(wake);
  }

  bool register_waiter(this auto& self, waiter& w) noexcept {
    wake_ups wake;
    const std::lock_guard lock(self.lock());
    if (self.settle(wake)) return false;
    self.list().add(self, w);
    return true;
  }

  bool unregister_waiter(this auto& self, waiter&) noexcept {
    const std::lock_guard lock(self.lock());
    return self.list().remove(self);
  }
};

}  // namespace fanout::detail
