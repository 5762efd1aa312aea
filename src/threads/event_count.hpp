// SPDX-License-Identifier: Apache-2.0
// How workers sleep until there is work, with nothing in the way of those who make it: no lock, no write, one load.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <utility>

#include "threads/sync.hpp"

namespace fanout::detail {

/// Counts who sleeps and who searches. A worker, and who owns its state:
///
///                 begin_search                  announce
///      works ────────────────────▶ searches ──────────────────▶ listed ───────────▶ asleep
///        ▲ ▲       end_search         │  ▲       retract          │      park          │
///        │ └──────────────────────────┘  └────────────────────────┤                    │ deadline: retract
///        │                               └────────────────────────┴◀───────────────────┘
///        └── at once, too: announce                                 notify: by another
///
/// No wake-up is lost. Who makes work makes it visible, then looks at the word; a worker changes the word by announce,
/// then looks for work. All of it is sequentially consistent, so one of them sees the other: the worker finds the work
/// and retracts, or it is woken. Who sees somebody searching wakes nobody: the searcher either finds the work, or
/// announces, or ends its search with other work in its hand; then it looks for more, and notifies in its turn. So one
/// is woken at a time, each by the one before, for as long as there is work for another.
///
/// The list is guarded by a lock that is taken only to fall asleep and to wake. The last to fall asleep is woken first:
/// its caches are warm. One of the sleepers may be the timekeeper, who sleeps no longer than until the earliest timer;
/// it is woken for work when no other sleeps.
template <class Sync = native_sync>
class basic_event_count {
 public:
  /// One for each worker, for as long as it may sleep here.
  class sleeper {
   public:
    typename Sync::parker bed;

   private:
    friend class basic_event_count;
    sleeper* below = nullptr;
    sleeper* above = nullptr;
    bool listed = false;  // guarded by the lock, as the links are
  };

  // For workers.

  /// True: it searches now. False: another does already, which is enough.
  bool begin_search() noexcept {
    auto word = word_.load(std::memory_order_relaxed);
    while (searching(word) == 0) {
      if (word_.compare_exchange_weak(word, word + one_searches, std::memory_order_seq_cst)) return true;
    }
    return false;
  }

  /// True: nobody searches any more, so the caller has to look whether there is work for another.
  bool end_search() noexcept { return searching(word_.fetch_sub(one_searches, std::memory_order_seq_cst)) == 1; }

  /// From now on it may be notified. It has to look for work once more, then retract or park.
  void announce(sleeper& me, bool searched) noexcept {
    const std::lock_guard lock(mutex_);
    list(me);
    word_.fetch_add(one_sleeps - (searched ? one_searches : 0), std::memory_order_seq_cst);
  }

  /// It searches again, notified or not.
  void retract(sleeper& me) noexcept {
    {
      const std::lock_guard lock(mutex_);
      if (me.listed) {
        unlist(me);
        word_.fetch_add(one_searches - one_sleeps, std::memory_order_seq_cst);
        return;
      }
    }
    me.bed.park(nullptr);  // it was notified, and takes the signal, which is there
  }

  /// After announce: it is the one who looks at the time, unless another is already.
  bool keep_time(sleeper& me) noexcept {
    const std::lock_guard lock(mutex_);
    if (timekeeper_ != nullptr || !me.listed) return false;
    timekeeper_ = &me;
    return true;
  }

  // For anybody.

  /// After work was made visible.
  void notify() noexcept {
    if (needs_notice()) notify_one();
  }

  /// The same in two parts, for who must be out of here before the work may be run: the first one while that cannot be
  /// yet. Null: there is nobody to wake.
  typename Sync::parker* begin_notify() noexcept { return needs_notice() ? signal_one() : nullptr; }
  static void end_notify(typename Sync::parker* bed) noexcept {
    if (bed != nullptr) Sync::parker::wake(*bed);
  }

  /// A timer was armed that is due before all others: whoever keeps the time must look again, or begin to.
  typename Sync::parker* begin_notify_of_time() noexcept {
    const std::lock_guard lock(mutex_);
    if (timekeeper_ != nullptr) return &signal(*timekeeper_);
    return top_ != nullptr ? &signal(*top_) : nullptr;
  }

  /// Timers are armed: if nobody keeps the time, one of those who sleep shall.
  typename Sync::parker* begin_notify_if_nobody_keeps_time() noexcept {
    const std::lock_guard lock(mutex_);
    return timekeeper_ == nullptr && top_ != nullptr ? &signal(*top_) : nullptr;
  }

  /// All who sleep. Not in the middle of any of the above by others.
  void notify_all() noexcept {
    for (;;) {
      typename Sync::parker* bed = nullptr;
      {
        const std::lock_guard lock(mutex_);
        if (top_ == nullptr) return;
        bed = &signal(*top_);
      }
      Sync::parker::wake(*bed);
    }
  }

  unsigned sleeping() const noexcept { return sleeping(word_.load(std::memory_order_seq_cst)); }
  unsigned searching() const noexcept { return searching(word_.load(std::memory_order_seq_cst)); }

 private:
  // The word: how many sleep, below; how many search, above.
  static constexpr std::uint32_t one_sleeps = 1, one_searches = 1U << 16;
  static unsigned sleeping(std::uint32_t word) noexcept { return word % one_searches; }
  static unsigned searching(std::uint32_t word) noexcept { return word / one_searches; }

  bool needs_notice() const noexcept {
    const auto word = word_.load(std::memory_order_seq_cst);
    return sleeping(word) != 0 && searching(word) == 0;
  }

  void notify_one() noexcept { end_notify(signal_one()); }

  typename Sync::parker* signal_one() noexcept {
    const std::lock_guard lock(mutex_);
    if (!needs_notice()) return nullptr;
    sleeper* const last = top_ != timekeeper_ || top_->below == nullptr ? top_ : top_->below;
    return &signal(*last);
  }

  /// Whoever is woken searches from now on: so the next one to notify sees that before it is awake.
  typename Sync::parker& signal(sleeper& s) noexcept {
    unlist(s);
    word_.fetch_add(one_searches - one_sleeps, std::memory_order_seq_cst);
    s.bed.signal();
    return s.bed;
  }

  void list(sleeper& s) noexcept {
    s.listed = true;
    s.above = nullptr;
    s.below = std::exchange(top_, &s);
    if (s.below != nullptr) s.below->above = &s;
  }
  void unlist(sleeper& s) noexcept {
    s.listed = false;
    (s.above != nullptr ? s.above->below : top_) = s.below;
    if (s.below != nullptr) s.below->above = s.above;
    if (timekeeper_ == &s) timekeeper_ = nullptr;
  }

  alignas(64) typename Sync::template atomic<std::uint32_t> word_ = 0;
  alignas(64) typename Sync::mutex mutex_;
  sleeper* top_ = nullptr;
  sleeper* timekeeper_ = nullptr;
};

using event_count = basic_event_count<>;

}  // namespace fanout::detail
