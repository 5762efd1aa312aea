// SPDX-License-Identifier: Apache-2.0
// Signals are for the user's threads.
#pragma once

#include <pthread.h>

#include <csignal>

namespace fanout::detail {

/// While it lives, a thread that is started has all signals blocked.
class all_signals_blocked {
 public:
  all_signals_blocked() noexcept {
    sigset_t all;
    sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ~all_signals_blocked() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  all_signals_blocked(const all_signals_blocked&) = delete;
  all_signals_blocked& operator=(const all_signals_blocked&) = delete;

 private:
  sigset_t before_;
};

}  // namespace fanout::detail
