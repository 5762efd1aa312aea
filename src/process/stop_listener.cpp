// SPDX-License-Identifier: Apache-2.0
#include "stop_listener.hpp"

#include <sys/prctl.h>

#include <thread>

#include "shared_futex.hpp"
#include "signals.hpp"

namespace fanout::detail {

void stop_listener::begin(std::uint64_t run, stop_source& source) {
  const std::lock_guard lock(mutex_);
  start();
  run_ = run;
  source_ = &source;
  if (page_.run_to_stop.load(std::memory_order_acquire) == run) source.request_stop();
}

void stop_listener::end() noexcept {
  const std::lock_guard lock(mutex_);  // waits for a request that is being passed on
  source_ = nullptr;
}

void stop_listener::start() {
  if (listening_) return;
  const all_signals_blocked for_the_new_thread;  // signals are for the task
  std::thread([this] { listen(); }).detach();
  listening_ = true;
}

void stop_listener::listen() noexcept {
  ::prctl(PR_SET_NAME, "fanout-stop");
  for (;;) {
    const std::uint32_t rung = page_.stop_bell.load(std::memory_order_acquire);
    pass_on();
    shared_futex_wait(page_.stop_bell, rung);
  }
}

void stop_listener::pass_on() noexcept {
  const std::lock_guard lock(mutex_);
  if (source_ != nullptr && page_.run_to_stop.load(std::memory_order_acquire) == run_) source_->request_stop();
}

void ask_run_to_stop(worker_page& page, std::uint64_t run) noexcept {
  page.run_to_stop.store(run, std::memory_order_release);
  page.stop_bell.fetch_add(1, std::memory_order_release);
  shared_futex_wake(page.stop_bell);
}

}  // namespace fanout::detail
