// SPDX-License-Identifier: Apache-2.0
// However the program ends, nothing of its pools stays behind: T17, T18, T32.
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <random>

#include "support.hpp"

namespace {

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
  void kill() const { ::kill(pid_, SIGKILL); }
  int wait() const {
    int status = 0;
    ::waitpid(pid_, &status, 0);
    return status;
  }
  /// Every process that has the mark in its environment.
  std::vector<pid_t> family() const {
    std::vector<pid_t> pids;
    for (const auto& name : fanout_test::names_in("/proc")) {
      if (name.find_first_not_of("0123456789") != std::string::npos) continue;
      std::ifstream in("/proc/" + name + "/environ");
      const std::string environment((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
      if (environment.find(mark_) != std::string::npos && fanout_test::runs(std::stoi(name)))
        pids.push_back(std::stoi(name));
    }
    return pids;
  }
  bool leaves_nothing() const {
    return fanout_test::eventually([&] { return family().empty(); });
  }

 private:
  std::string mark_;
  pid_t pid_ = 0;
  int output_ = -1;
};

class ProcessPoolParent : public fanout_test::each_start_method {
 protected:
  static std::string method() { return fanout_test::start_method_name({GetParam(), 0}); }
};
FANOUT_FOR_EACH_START_METHOD(ProcessPoolParent);

TEST_P(ProcessPoolParent, KilledWhileBusyLeavesNothing) {  // T17
  const helper program("busy", method());
  program.wait_until_ready();
  // The program, its nanny, two workers and a child of each.
  EXPECT_TRUE(fanout_test::eventually([&] { return program.family().size() >= 6; }));
  program.kill();
  program.wait();
  EXPECT_TRUE(program.leaves_nothing());
}

TEST_P(ProcessPoolParent, KilledWhileIdleLeavesNothing) {
  const helper program("idle", method());
  program.wait_until_ready();
  EXPECT_GE(program.family().size(), 3U);
  program.kill();
  program.wait();
  EXPECT_TRUE(program.leaves_nothing());
}

TEST_P(ProcessPoolParent, KilledWhileWorkersStartLeavesNothing) {
  std::minstd_rand random(7);
  for (int i = 0; i < 10; ++i) {
    const helper program("start", method());
    program.wait_until_ready();
    std::this_thread::sleep_for(std::chrono::microseconds(random() % 5000));  // any moment will do
    program.kill();
    program.wait();
    EXPECT_TRUE(program.leaves_nothing());
  }
}

TEST_P(ProcessPoolParent, KilledWithAForkOfItAliveLeavesOnlyTheFork) {
  const helper program("forked", method());
  program.wait_until_ready();
  program.kill();
  program.wait();
  EXPECT_TRUE(fanout_test::eventually([&] { return program.family().size() == 1; }));
  for (const pid_t pid : program.family()) ::kill(pid, SIGKILL);
  EXPECT_TRUE(program.leaves_nothing());
}

TEST_P(ProcessPoolParent, EndingWithALivePoolKeepsItsStatusAndLeavesNothing) {  // T18
  const auto ending = [&](const char* how) {
    const helper program("end", method(), how);
    const int status = program.wait();
    EXPECT_TRUE(program.leaves_nothing()) << how;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  };
  EXPECT_EQ(ending("exit"), 21);
  EXPECT_EQ(ending("_exit"), 22);
  EXPECT_EQ(ending("quick_exit"), 23);
  EXPECT_EQ(ending("return"), 24);
  EXPECT_EQ(ending("abort"), -SIGABRT);
  EXPECT_EQ(ending("throw"), -SIGABRT);
}

TEST_P(ProcessPoolParent, UnflushedOutputIsPrintedOnce) {  // T32
  const helper program("print", method());
  const std::string output = program.all_output();
  EXPECT_EQ(program.wait(), 0);
  EXPECT_EQ(output.size(), 6U) << output;
  EXPECT_NE(output.find("abc"), std::string::npos) << output;
  EXPECT_NE(output.find("def"), std::string::npos) << output;
}

}  // namespace
