// SPDX-License-Identifier: Apache-2.0
// What the system needs to wake somebody, and no more: of this the raw references are made.
#pragma once

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>

namespace raw {

enum class among { threads, processes };

/// A number that only grows, and on which one thread sleeps; of another process, if it lies in memory that both share.
template <among who>
class turn {
 public:
  /// By one; wakes who sleeps.
  void pass() noexcept {
    word_.fetch_add(1, std::memory_order_release);
    syscall(SYS_futex, &word_, FUTEX_WAKE | scope, 1, nullptr, nullptr, 0);
  }
  /// Sleeps while it is `seen`, of which it makes what there is then.
  void wait(std::uint32_t& seen) noexcept {
    std::uint32_t now;
    while ((now = word_.load(std::memory_order_acquire)) == seen) {
      syscall(SYS_futex, &word_, FUTEX_WAIT | scope, seen, nullptr, nullptr, 0);
    }
    seen = now;
  }

 private:
  static constexpr int scope = who == among::threads ? FUTEX_PRIVATE_FLAG : 0;

  alignas(64) std::atomic<std::uint32_t> word_ = 0;  // release in pass(), acquire in wait()
};

}  // namespace raw
