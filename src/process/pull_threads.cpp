// SPDX-License-Identifier: Apache-2.0
#include "pull_threads.hpp"

#include <pthread.h>

#include <algorithm>
#include <utility>

#include "own_process.hpp"
#include "shut_down.hpp"
#include "signals.hpp"

namespace fanout::detail {

void start_thread(pull_threads& threads, puller& p) { threads.start(p); }

pull_threads::pull_threads() noexcept : process_(own_pid()) {}

void pull_threads::start(puller& p) {
  members added;
  const auto self = added.insert(added.end(), {&p, {}});
  const std::lock_guard lock(mutex_);
  if (is_closing_) throw_shut_down();
  const all_signals_blocked for_the_new_thread;
  self->thread = std::thread([this, self] { run(self); });
  members_.splice(members_.end(), added);
}

void pull_threads::run(members::iterator self) noexcept {
  ::pthread_setname_np(::pthread_self(), "fanout-pull");
  puller& p = *self->pulls;
  p.pull_all();
  members ended;
  {
    const std::lock_guard lock(mutex_);
    for (auto m = members_.begin(); m != members_.end();) {
      const auto next = std::next(m);
      if (m->pulls == nullptr) ended.splice(ended.end(), members_, m);
      m = next;
    }
    self->pulls = nullptr;
    changed_.notify_all();
  }
  p.thread_ends();
  for (member& m : ended) m.thread.join();
}

void pull_threads::tell() noexcept {
  is_closing_ = true;
  for (const member& m : members_) {
    if (m.pulls != nullptr) m.pulls->pool_closes();
  }
}

bool pull_threads::has_ended() const noexcept {
  return std::ranges::all_of(members_, [](const member& m) { return m.pulls == nullptr; });
}

bool pull_threads::wind_up(time_point until) noexcept {
  if (process_ != own_pid()) return true;
  std::unique_lock lock(mutex_);
  tell();
  while (!has_ended() && !is_hurried_) {
    if (until == time_point::max()) {
      changed_.wait(lock);
    } else if (changed_.wait_until(lock, until) == std::cv_status::timeout) {
      break;
    }
  }
  return has_ended();
}

void pull_threads::hurry() noexcept {
  if (process_ != own_pid()) return;
  const std::lock_guard lock(mutex_);
  tell();
  is_hurried_ = true;
  changed_.notify_all();
}

void pull_threads::close() noexcept {
  if (process_ != own_pid()) {
    new members(std::move(members_));  // what is not there cannot be joined
    return;
  }
  members all;
  {
    const std::lock_guard lock(mutex_);
    tell();
    all.swap(members_);  // those at work still find themselves there
  }
  for (member& m : all) m.thread.join();
}

}  // namespace fanout::detail
