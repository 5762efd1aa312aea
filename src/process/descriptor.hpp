// SPDX-License-Identifier: Apache-2.0
// A file descriptor that is closed with its owner, and system calls that throw.
#pragma once

#include <unistd.h>

#include <cerrno>
#include <string>
#include <system_error>
#include <utility>

namespace fanout::detail {

class descriptor {
 public:
  descriptor() noexcept = default;
  explicit descriptor(int fd) noexcept : fd_(fd) {}
  descriptor(descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  descriptor& operator=(descriptor&& other) noexcept {
    descriptor(std::move(other)).swap(*this);
    return *this;
  }
  ~descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }

  void swap(descriptor& other) noexcept { std::swap(fd_, other.fd_); }
  void reset() noexcept { descriptor().swap(*this); }
  /// It is not closed.
  void leave_open() noexcept { fd_ = -1; }
  int get() const noexcept { return fd_; }
  explicit operator bool() const noexcept { return fd_ >= 0; }

 private:
  int fd_ = -1;
};

/// What a system call returned; throws std::system_error with the call's name if it is negative.
inline int checked(int returned, const char* call) {
  if (returned < 0) throw std::system_error(errno, std::generic_category(), call);
  return returned;
}

/// Both ends of a new unix socket, closed on exec.
std::pair<descriptor, descriptor> make_socket_pair(int type);

}  // namespace fanout::detail
