// SPDX-License-Identifier: Apache-2.0
#include "attendant.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <utility>

#include "supervisor.hpp"

namespace fanout::detail {

attendant::attendant(supervisor& boss, const descriptor& doorbell, scheduler& loop)
    : doorbell_(checked(::fcntl(doorbell.get(), F_DUPFD_CLOEXEC, 0), "fcntl")),
      process_(::getpid()),
      loop_(loop),
      boss_(&boss) {}

bool attendant::may_sleep() noexcept {
  if (::getpid() != process_) return false;  // in a fork of the program the workers are not its own
  const std::lock_guard lock(mutex_);
  if (boss_ == nullptr) return false;
  asleep_.store(true, std::memory_order_seq_cst);
  return true;
}

void attendant::woke(bool readable) noexcept {
  wakes_.fetch_add(1, std::memory_order_relaxed);
  asleep_.store(false, std::memory_order_seq_cst);
  const std::lock_guard lock(mutex_);
  if (boss_ == nullptr) return;
  boss_->look_after_attendant();
  if (readable) boss_->answer_doorbell();
}

void attendant::left() noexcept {
  const std::lock_guard lock(mutex_);
  if (boss_ != nullptr && ::getpid() == process_) std::exchange(boss_, nullptr)->attendant_left();
}

void attendant::dismiss() noexcept {
  const std::lock_guard lock(mutex_);
  if (boss_ == nullptr) return;
  boss_ = nullptr;
  farewell_.keeps_alive = shared_from_this();
  loop_.post(farewell_);  // under the lock: until left() returns there is a loop
}

void attendant::farewell::say(op& self) noexcept {
  const auto over = std::move(static_cast<farewell&>(self).keeps_alive);
  over->loop_.forget(*over);
}

}  // namespace fanout::detail
