// SPDX-License-Identifier: Apache-2.0
// In a worker: tells a function that takes a stop_token when the program wants it to stop.
#pragma once

#include <cstdint>
#include <mutex>

#include "fanout/stop.hpp"
#include "worker_memory.hpp"

namespace fanout::detail {

/// The program writes the number of the run and rings; a thread of the worker sleeps on that bell. There is none before
/// the first run whose function takes a token. It never ends: the process does.
///
///     begin(run, source) ──▶ the run's function may be asked ──▶ end()
///          a request that came before begin() is seen there; one that comes after end() finds nobody
class stop_listener {
 public:
  explicit stop_listener(worker_page& page) noexcept : page_(page) {}

  /// Throws std::system_error if the thread cannot be started.
  void begin(std::uint64_t run, stop_source& source);
  void end() noexcept;

 private:
  void start();
  void listen() noexcept;
  void pass_on() noexcept;

  worker_page& page_;
  std::mutex mutex_;  // guards the rest
  bool listening_ = false;
  std::uint64_t run_ = 0;
  stop_source* source_ = nullptr;  // of that run, while it goes on
};

/// Program: asks for it.
void ask_run_to_stop(worker_page& page, std::uint64_t run) noexcept;

}  // namespace fanout::detail
