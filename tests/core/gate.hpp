// SPDX-License-Identifier: Apache-2.0
// What tasks wait for until the test wants them to go on.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <string>
#include <system_error>

namespace fanout_test {

/// Lets tasks wait, in any process, until the test opens it; or until it is destroyed, which opens it, too.
class gate {
 public:
  gate() : path_(::testing::TempDir() + "fanout_gate_" + std::to_string(::getpid())) {
    ::unlink(path_.c_str());
    // Open for both sides here: neither side's open() ever waits for the other.
    if (::mkfifo(path_.c_str(), 0600) != 0 || (fifo_ = ::open(path_.c_str(), O_RDWR | O_CLOEXEC)) < 0) {
      throw std::system_error(errno, std::generic_category(), path_);
    }
  }
  gate(const gate&) = delete;
  gate& operator=(const gate&) = delete;
  ~gate() {
    open();
    ::close(fifo_);
    ::unlink(path_.c_str());
  }

  const std::string& path() const noexcept { return path_; }
  void open() noexcept { EXPECT_EQ(::write(fifo_, "x", 1), 1); }
  /// What a task does.
  static void pass(const std::string& path) { std::ifstream(path).get(); }

 private:
  const std::string path_;
  int fifo_ = -1;
};

}  // namespace fanout_test
