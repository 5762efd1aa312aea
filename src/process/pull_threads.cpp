// SPDX-License-Identifier: Apache-2.0
#include "pull_threads.hpp"

#include <pthread.h>
#include <unistd.h>

#include <csignal>
#include <utility>

namespace fanout::detail {

namespace {

/// Signals are for the user's threads.
class all_signals_blocked {
 public:
  all_signals_blocked() noexcept {
    sigset_t all;
    sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ~all_signals_blocked() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

 private:
  sigset_t before_;
};

}  // namespace

void start_thread(pull_threads& threads, puller& p) { threads.start(p); }

pull_threads::pull_threads() noexcept : process_(::getpid()) {}

void pull_threads::start(puller& p) {
  members added;
  const auto self = added.insert(added.end(), {&p, {}});
  const std::lock_guard lock(mutex_);
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
  }
  p.thread_ends();
  for (member& m : ended) m.thread.join();
}

void pull_threads::close() noexcept {
  if (process_ != ::getpid()) {
    new members(std::move(members_));  // what is not there cannot be joined
    return;
  }
  members all;
  {
    const std::lock_guard lock(mutex_);
    for (member& m : members_) {
      if (m.pulls != nullptr) m.pulls->pool_closes();
    }
    all.swap(members_);  // those at work still find themselves there
  }
  for (member& m : all) m.thread.join();
}

}  // namespace fanout::detail
