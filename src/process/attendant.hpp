// SPDX-License-Identifier: Apache-2.0
// The supervisor's work, done by an event loop while it sleeps.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>

#include "descriptor.hpp"
#include "fanout/detail/attended.hpp"
#include "fanout/executor.hpp"

namespace fanout::detail {

class supervisor;

/// Stands between the supervisor and one run of a loop: either may go first.
///
///            offered to the loop that submits                 the loop's run ends, or dismiss()
///      made ────────────────────────────────▶ at its service ──────────────────────────────────▶ over
class attendant final : public attended, public std::enable_shared_from_this<attendant> {
 public:
  /// Throws std::system_error.
  attendant(supervisor& boss, const descriptor& doorbell, scheduler& loop);

  // The loop's thread:
  int fd() const noexcept override { return doorbell_.get(); }
  bool may_sleep() noexcept override;
  void woke(bool readable) noexcept override;
  void left() noexcept override;

  // The supervisor's thread:
  /// While it sleeps it will notice what happens.
  bool asleep() const noexcept { return asleep_.load(std::memory_order_seq_cst); }
  /// How often it woke up.
  unsigned wakes() const noexcept { return wakes_.load(std::memory_order_relaxed); }

  /// Any thread but the loop's: it is over, which the loop hears soon. Waits for a turn that the loop is taking.
  void dismiss() noexcept;

 private:
  /// On the loop, which may be asleep: takes this out of its hands.
  struct farewell : op {
    farewell() noexcept : op(&say) {}
    static void say(op& self) noexcept;
    std::shared_ptr<attendant> keeps_alive;
  };

  const descriptor doorbell_;  // a duplicate: the supervisor may close its own first
  const pid_t process_;
  scheduler& loop_;
  farewell farewell_;
  std::atomic<bool> asleep_ = false;  // its partner is supervisor::watching_, see supervisor::step_in_if_needed()
  std::atomic<unsigned> wakes_ = 0;   // alone
  std::mutex mutex_;                  // guards boss_, and is held while the loop takes a turn
  supervisor* boss_;                  // null: it is over
};

}  // namespace fanout::detail
