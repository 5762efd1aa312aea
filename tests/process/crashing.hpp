// SPDX-License-Identifier: Apache-2.0
// Children that crash for real, and what they leave in a record that they share with the test.
#pragma once

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <string>
#include <system_error>

#include "process/crash_record.hpp"
#include "process/crash_report.hpp"

/// Before a function that does on purpose what sanitizers would stop, or that they would slow down or damage.
#define FANOUT_UNCHECKED __attribute__((noinline, disable_sanitizer_instrumentation, no_sanitize("undefined")))

namespace fanout_test {

/// All zero, as a program makes one for a worker; shared with forks.
class shared_record {
 public:
  shared_record() {
    void* const memory = ::mmap(nullptr, sizeof(record), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) throw std::system_error(errno, std::generic_category(), "mmap");
    record_ = static_cast<record*>(memory);
  }
  shared_record(const shared_record&) = delete;
  shared_record& operator=(const shared_record&) = delete;
  ~shared_record() { ::munmap(record_, sizeof(record)); }

  fanout::detail::crash_record& operator*() const noexcept { return *record_; }
  fanout::detail::crash_record* operator->() const noexcept { return record_; }

 private:
  using record = fanout::detail::crash_record;
  record* record_;
};

/// In a worker: another process sends it this signal, when it waits for that.
[[noreturn]] inline void wait_for_signal_from_another(int signal) {
  const pid_t worker = ::getpid();
  int ready[2];
  if (::pipe(ready) != 0) ::_exit(1);
  if (::fork() == 0) {
    ::close(ready[1]);
    char word;
    if (::read(ready[0], &word, 1) == 1) ::kill(worker, signal);
    ::_exit(0);
  }
  if (::write(ready[1], "x", 1) != 1) ::_exit(1);
  for (;;) ::pause();
}

/// A worker that runs one task: it calls `before`, installs the handlers, calls `task`, and exits with code 0.
class worker_with_record {
 public:
  template <class Task>
  explicit worker_with_record(Task task) : worker_with_record([] {}, task) {}

  template <class Before, class Task>
  worker_with_record(Before before, Task task) {
    const pid_t child = ::fork();
    if (child == 0) {
      before();
      fanout::detail::install_crash_handlers(*record_);
      task();
      ::_exit(0);
    }
    pid_ = child;
    if (::waitpid(child, &status_, 0) != child) throw std::system_error(errno, std::generic_category(), "waitpid");
  }

  pid_t pid() const noexcept { return pid_; }
  /// That ended it; 0: none.
  int signal() const noexcept { return WIFSIGNALED(status_) ? WTERMSIG(status_) : 0; }
  /// -1: it did not exit.
  int exit_code() const noexcept { return WIFEXITED(status_) ? WEXITSTATUS(status_) : -1; }

  fanout::detail::crash_state state() const noexcept { return record_->state.load(std::memory_order_acquire); }
  const fanout::detail::crash_facts& facts() const noexcept { return record_->facts; }
  std::string words() const { return describe_crash(*record_, signal()); }

 private:
  shared_record record_;
  pid_t pid_ = 0;
  int status_ = 0;
};

}  // namespace fanout_test
