// SPDX-License-Identifier: Apache-2.0
// A whole program with a process pool, for tests that end it, or that look at all of its processes.
#pragma once

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <vector>

#include "support.hpp"

namespace fanout_test {

/// The helper program, started with its standard output in a pipe, and marked so that all its descendants are known.
class helper {
 public:
  helper(const std::string& what, const std::string& method, const std::string& how = "") {
    static int count = 0;
    mark_ = "FANOUT_TEST_MARK=" + std::to_string(::getpid()) + "." + std::to_string(++count);
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) throw std::runtime_error("pipe2");
    std::string words[] = {FANOUT_HELPER, what, method, how};
    char* argv[] = {words[0].data(), words[1].data(), words[2].data(), words[3].data(), nullptr};
    pid_ = ::fork();
    if (pid_ == 0) {
      ::putenv(mark_.data());
      ::dup2(ends[1], 1);
      const int nowhere = ::open("/dev/null", O_WRONLY);
      if (how == "abort" || how == "throw") ::dup2(nowhere, 2);
      ::execv(argv[0], argv);
      ::_exit(127);
    }
    ::close(ends[1]);
    output_ = ends[0];
  }
  ~helper() { ::close(output_); }
  helper(const helper&) = delete;
  helper& operator=(const helper&) = delete;

  void wait_until_ready() const {
    char c = 0;
    while (::read(output_, &c, 1) == 1 && c != '\n') {
    }
  }
  std::string all_output() const {
    std::string text;
    char part[256];
    for (ssize_t size; (size = ::read(output_, part, sizeof part)) > 0;)
      text.append(part, static_cast<std::size_t>(size));
    return text;
  }
  void kill() const { signal(SIGKILL); }
  void signal(int number) const { ::kill(pid_, number); }
  /// Waits until a signal has stopped it. False: it ended.
  bool stops() const {
    int status = 0;
    return ::waitpid(pid_, &status, WUNTRACED) == pid_ && WIFSTOPPED(status);
  }
  int wait() const {
    int status = 0;
    ::waitpid(pid_, &status, 0);
    return status;
  }
  /// Every process that has the mark in its environment.
  std::vector<pid_t> family() const {
    std::vector<pid_t> pids;
    for (const auto& name : names_in("/proc")) {
      if (name.find_first_not_of("0123456789") != std::string::npos) continue;
      std::ifstream in("/proc/" + name + "/environ");
      const std::string environment((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
      if (environment.find(mark_) != std::string::npos && runs(std::stoi(name))) pids.push_back(std::stoi(name));
    }
    return pids;
  }
  bool leaves_nothing() const {
    return eventually([&] { return family().empty(); });
  }

 private:
  std::string mark_;
  pid_t pid_ = 0;
  int output_ = -1;
};

}  // namespace fanout_test
