// SPDX-License-Identifier: Apache-2.0
// Not by PR_SET_PDEATHSIG: that would be about the thread that started this process.
#include "ends_with_parent.hpp"

#include <time.h>
#include <unistd.h>

#include <csignal>

namespace fanout_python {

namespace {

pid_t parent = 0;  // set before the timer

void look(int) {
  if (::getppid() != parent) ::_exit(0);
}

}  // namespace

ends_with_parent::ends_with_parent() noexcept {
  parent = ::getppid();
  struct sigaction action{};
  action.sa_handler = look;
  action.sa_flags = SA_RESTART;
  ::sigaction(SIGRTMAX, &action, nullptr);
  sigevent event{};
  event.sigev_notify = SIGEV_SIGNAL;
  event.sigev_signo = SIGRTMAX;
  timer_t timer{};
  if (::timer_create(CLOCK_MONOTONIC, &event, &timer) != 0) return;
  timer_ = timer;
  is_set_ = true;
  const itimerspec each_second{.it_interval = {.tv_sec = 1, .tv_nsec = 0}, .it_value = {.tv_sec = 1, .tv_nsec = 0}};
  ::timer_settime(timer, 0, &each_second, nullptr);
}

ends_with_parent::~ends_with_parent() {
  if (is_set_) ::timer_delete(timer_);
  ::signal(SIGRTMAX, SIG_IGN);  // which forgets one that is on its way: by default it would end this process
  ::signal(SIGRTMAX, SIG_DFL);
}

}  // namespace fanout_python
