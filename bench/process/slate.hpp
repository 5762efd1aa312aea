// SPDX-License-Identifier: Apache-2.0
// What a program and the tasks in its workers both see, though they share nothing: a file in memory, which whoever
// knows its owner and its number can open, and in which each notes the time.
#pragma once

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <system_error>
#include <thread>

#include "fanout/duration.hpp"

/// Travels to a worker.
struct slate_name {
  pid_t owner = 0;
  int number = -1;
};

class slate {
 public:
  /// A new one, of this process.
  slate() : slate(::memfd_create("slate", MFD_CLOEXEC)) { ::fcntl(fd_, F_SETFL, O_APPEND); }
  /// That of another.
  explicit slate(slate_name name)
      : slate(::open(("/proc/" + std::to_string(name.owner) + "/fd/" + std::to_string(name.number)).c_str(),
                     O_RDWR | O_APPEND | O_CLOEXEC)) {}
  slate(const slate&) = delete;
  slate& operator=(const slate&) = delete;
  ~slate() { ::close(fd_); }

  slate_name name() const noexcept { return {::getpid(), fd_}; }

  /// The time, behind what others have noted.
  void note() {
    const std::int64_t now = std::chrono::nanoseconds(std::chrono::steady_clock::now().time_since_epoch()).count();
    if (::write(fd_, &now, sizeof now) != sizeof now) fail("write");
  }
  std::size_t notes() const {
    struct stat about{};
    if (::fstat(fd_, &about) != 0) fail("fstat");
    return static_cast<std::size_t>(about.st_size) / sizeof(std::int64_t);
  }
  fanout::time_point at(std::size_t index) const {
    std::int64_t time = 0;
    if (::pread(fd_, &time, sizeof time, static_cast<off_t>(index * sizeof time)) != sizeof time) fail("pread");
    return fanout::time_point(std::chrono::nanoseconds(time));
  }
  void wipe() const {
    if (::ftruncate(fd_, 0) != 0) fail("ftruncate");
  }

  /// Until there are so many notes; false if there are not in time. Sees it at most 20 µs late, within the first 20 ms.
  bool wait_for(std::size_t expected, std::chrono::seconds limit = std::chrono::seconds(2)) const {
    using namespace std::chrono_literals;
    const auto began = std::chrono::steady_clock::now();
    while (notes() < expected) {
      const auto waited = std::chrono::steady_clock::now() - began;
      if (waited > limit) return false;
      std::this_thread::sleep_for(waited < 20ms ? 20us : 1000us);
    }
    return true;
  }

 private:
  explicit slate(int fd) : fd_(fd) {
    if (fd_ < 0) fail("a slate");
  }
  [[noreturn]] static void fail(const char* what) { throw std::system_error(errno, std::generic_category(), what); }

  const int fd_;
};

/// A task that stays in its worker until `all` have come, each of which then is another's: the worker's process id; 0
/// if they did not come in time.
inline pid_t meet(slate_name name, std::size_t all) {
  slate s(name);
  s.note();
  return s.wait_for(all) ? ::getpid() : 0;
}
