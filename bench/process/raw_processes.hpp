// SPDX-License-Identifier: Apache-2.0
// What the system needs to hand work to another process, and no more: the yardstick for pools. No queue, no spinning,
// no choice of CPUs.
#pragma once

#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <new>
#include <system_error>

#include "turn.hpp"

namespace raw {

/// Memory that this process shares with those it forks later. All zeros.
class shared_memory {
 public:
  explicit shared_memory(std::size_t size)
      : size_(size),
        data_(::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0)) {
    if (data_ == MAP_FAILED) throw std::system_error(errno, std::generic_category(), "mmap");
  }
  shared_memory(const shared_memory&) = delete;
  shared_memory& operator=(const shared_memory&) = delete;
  ~shared_memory() { ::munmap(data_, size_); }

  void* data() const noexcept { return data_; }

 private:
  const std::size_t size_;
  void* const data_;
};

/// A process, forked here, that does the same again and again, whenever it is told. It has a copy of all there is now.
class process {
 public:
  explicit process(const std::function<void()>& work) {
    const pid_t parent = ::getpid();
    pid_ = ::fork();
    if (pid_ < 0) throw std::system_error(errno, std::generic_category(), "fork");
    if (pid_ > 0) return;
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) ::_exit(1);
    for (std::uint32_t seen = 0;;) {
      both_.told.wait(seen);
      if (both_.leave) ::_exit(0);
      work();
      both_.done.pass();
    }
  }
  process(const process&) = delete;
  process& operator=(const process&) = delete;
  ~process() {
    both_.leave = true;
    both_.told.pass();
    ::waitpid(pid_, nullptr, 0);
  }

  void tell() noexcept { both_.told.pass(); }
  void wait() noexcept { both_.done.wait(seen_); }

 private:
  struct shared {
    turn<among::processes> told, done;
    bool leave = false;
  };

  const shared_memory memory_{sizeof(shared)};
  shared& both_ = *new (memory_.data()) shared;
  std::uint32_t seen_ = 0;
  pid_t pid_ = -1;
};

}  // namespace raw
