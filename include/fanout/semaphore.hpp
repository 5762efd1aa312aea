// SPDX-License-Identifier: Apache-2.0
// semaphore: so many at a time, and no more.
#pragma once

#include <cstddef>
#include <mutex>
#include <optional>
#include <utility>

#include "fanout/detail/misuse.hpp"
#include "fanout/detail/wait_awaiter.hpp"
#include "fanout/detail/wait_list.hpp"

namespace fanout {

/// asyncio.Semaphore: a number of permits, which coroutines take and give back, on whatever executors. Who waited
/// longest is served first. All members may be called from any thread.
///
///                         acquire                          acquire
///     permits available  ────────▶  none, and nobody waits  ────────▶  none, and some wait
///                        ◀────────                          ◀────────
///                         release                          release; or a waiter leaves
///
/// A permit that is released while some wait is the first one's at once: nobody who comes later can be faster.
class semaphore {
 public:
  /// One permit, given back by the destructor.
  class [[nodiscard]] permit {
   public:
    permit(permit&& other) noexcept : from_(std::exchange(other.from_, nullptr)) {}
    permit& operator=(permit&& other) noexcept {
      permit taken(std::move(other));
      std::swap(from_, taken.from_);
      return *this;
    }
    ~permit() { release(); }

    /// Gives it back now; does nothing if that was done before, or this was moved from.
    void release() noexcept {
      if (from_ != nullptr) std::exchange(from_, nullptr)->release();
    }

   private:
    friend class semaphore;
    explicit permit(semaphore& from) noexcept : from_(&from) {}

    semaphore* from_;
  };

  explicit semaphore(std::size_t permits) noexcept : available_(permits) {}
  semaphore(const semaphore&) = delete;
  semaphore& operator=(const semaphore&) = delete;
  /// Not while a coroutine waits for a permit, nor while one is held (which is not found out).
  ~semaphore() {
    if (!waiting_.empty()) {
      detail::terminate_for(
          "a semaphore is destroyed while a coroutine waits for a permit, which could never go on: let it outlive all "
          "who use it");
    }
  }

  /// `auto permit = co_await s.acquire()`: takes a permit, as soon as there is one. Throws `cancelled` if the coroutine
  /// is asked to stop before.
  [[nodiscard]] auto acquire() noexcept { return awaiter(*this); }

  /// Takes a permit if there is one.
  [[nodiscard]] std::optional<permit> try_acquire() noexcept {
    const std::lock_guard lock(lock_);
    if (!take()) return std::nullopt;
    return permit(*this);
  }

  /// Adds permits, as many as one likes: who only signals acquires nothing.
  void release(std::size_t n = 1) noexcept {
    detail::wake_ups wake;
    const std::lock_guard lock(lock_);
    for (; n > 0 && !waiting_.empty(); --n) wake.add(*waiting_.take_first());
    available_ += n;
  }

  /// How many permits there are to take; out of date at once, unless nobody else uses this.
  std::size_t available() const noexcept {
    const std::lock_guard lock(lock_);
    return available_;
  }

 private:
  friend class mutex;

  struct operation : detail::queued_wait {
    explicit operation(semaphore& s) noexcept : from(s) {}
    std::mutex& lock() noexcept { return from.lock_; }
    auto& list() noexcept { return from.waiting_; }
    bool settle(detail::wake_ups&) noexcept { return from.take(); }

    semaphore& from;
  };

  class awaiter : public detail::wait_awaiter<operation> {
   public:
    explicit awaiter(semaphore& s) noexcept : wait_awaiter(std::in_place, s) {}
    permit await_resume() {
      wait_awaiter::await_resume();
      return permit(source().from);
    }
  };

  /// With the lock held. Overtakes nobody: while somebody waits, none is available.
  bool take() noexcept {
    if (available_ == 0) return false;
    --available_;
    return true;
  }

  mutable std::mutex lock_;  // guards what follows
  std::size_t available_;
  detail::wait_list<operation> waiting_;
};

}  // namespace fanout
