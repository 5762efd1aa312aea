// SPDX-License-Identifier: Apache-2.0
// However the program ends, nothing of its pools stays behind: T17, T18, T32. And what happens while it is stopped:
// T20.
#include <sys/wait.h>

#include <chrono>
#include <csignal>
#include <random>
#include <string>
#include <thread>

#include "helper_program.hpp"
#include "support.hpp"
#include "tasks.hpp"

namespace {

using fanout_test::event_file;
using fanout_test::helper;

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

TEST_P(ProcessPoolParent, KilledWhileIdleLeavesNothing) {  // T17
  const helper program("idle", method());
  program.wait_until_ready();
  EXPECT_GE(program.family().size(), 3U);
  program.kill();
  program.wait();
  EXPECT_TRUE(program.leaves_nothing());
}

TEST_P(ProcessPoolParent, KilledWhileWorkersStartLeavesNothing) {  // T17
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

/// By SIGSTOP: a shell's Ctrl-Z does the same, but not to a process group without a terminal.
TEST_P(ProcessPoolParent, StoppedAndContinuedGoesOn) {  // T20
  const event_file let_go;
  const helper program("stop", method(), let_go.path());
  ASSERT_TRUE(program.stops());
  let_go.set();
  EXPECT_TRUE(event_file::wait(let_go.path() + ".ended")) << "the workers are not stopped";
  std::this_thread::sleep_for(std::chrono::seconds(2));  // the time that the tasks have is over
  program.signal(SIGCONT);
  EXPECT_EQ(program.all_output(), "7 timed out 8");
  EXPECT_EQ(program.wait(), 0);
  EXPECT_TRUE(program.leaves_nothing());
  std::filesystem::remove(let_go.path() + ".begun");
  std::filesystem::remove(let_go.path() + ".ended");
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
