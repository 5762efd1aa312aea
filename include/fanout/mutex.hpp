// SPDX-License-Identifier: Apache-2.0
// mutex: one at a time, across suspensions.
#pragma once

#include <optional>
#include <utility>

#include "fanout/detail/misuse.hpp"
#include "fanout/semaphore.hpp"

namespace fanout {

/// asyncio.Lock: what coroutines hold while they must not be disturbed, also while they wait for something else; they
/// may run on whatever executors. Handed over to the one who waited longest. Who holds it and locks it again waits
/// forever, unless asked to stop. All members may be called from any thread.
///
/// A semaphore with a single permit, which is called a guard.
class mutex {
 public:
  /// The lock, until this is destroyed. May be destroyed by another thread than the one that locked.
  class [[nodiscard]] guard {
   public:
    /// Now; does nothing if that was done before, or this was moved from.
    void unlock() noexcept { permit_.release(); }

   private:
    friend class mutex;
    explicit guard(semaphore::permit permit) noexcept : permit_(std::move(permit)) {}

    semaphore::permit permit_;
  };

  mutex() noexcept = default;
  mutex(const mutex&) = delete;
  mutex& operator=(const mutex&) = delete;
  /// Not while it is locked, and so not while a coroutine waits for it.
  ~mutex() {
    if (only_.available() == 0) {
      detail::terminate_for(
          "a mutex is destroyed while it is locked: let it outlive its guards, and the coroutines that wait for it");
    }
  }

  /// `auto held = co_await m.lock()`: locks the mutex, as soon as it is this coroutine's turn. Throws `cancelled` if
  /// the coroutine is asked to stop before.
  [[nodiscard]] auto lock() noexcept { return awaiter(only_); }

  /// Locks it if it is free.
  [[nodiscard]] std::optional<guard> try_lock() noexcept {
    auto permit = only_.try_acquire();
    if (!permit) return std::nullopt;
    return guard(std::move(*permit));
  }

 private:
  class awaiter : public semaphore::awaiter {
   public:
    using semaphore::awaiter::awaiter;
    guard await_resume() { return guard(semaphore::awaiter::await_resume()); }
  };

  semaphore only_{1};
};

}  // namespace fanout
