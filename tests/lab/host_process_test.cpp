// SPDX-License-Identifier: Apache-2.0
// Hosts that are real processes: shell scripts that behave well and badly.
#include "lab/host_process.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <system_error>
#include <thread>

#include "lab/file_descriptor.hpp"
#include "lab/interruption.hpp"
#include "lab/process_tree.hpp"

namespace {

struct HostProcess : testing::Test {
  static void SetUpTestSuite() { lab::become_subreaper(); }
  void TearDown() override { EXPECT_TRUE(lab::children_of(getpid()).empty()) << "a process was left behind"; }

  lab::host_outcome run_shell(const std::string& script) {
    return lab::run_host({.command = {"sh", "-c", script},
                          .on_line =
                              [this](const lab::output_line& line) {
                                lines.emplace_back(line.text);
                                senders.insert(line.sender);
                                if (line.from_host) ++lines_of_host;
                              },
                          .on_tick = on_tick});
  }

  std::vector<std::string> lines;
  std::set<pid_t> senders;
  std::size_t lines_of_host = 0;
  std::function<void()> on_tick = [] {};
};

TEST_F(HostProcess, DeliversItsRecordAndExitStatus) {
  const auto outcome = run_shell("echo '{\"wall_s\":1}' >&$FANOUT_RECORD_FD");
  EXPECT_EQ(outcome.record, "{\"wall_s\":1}");
  EXPECT_EQ(outcome.wait_status, 0);
}

TEST_F(HostProcess, FindsWhatIsAddedToItsEnvironment) {
  const auto outcome =
      lab::run_host({.command = {"sh", "-c", "echo \"$ADDED $FANOUT_RECORD_FD\" >&3"}, .environment = {"ADDED=a=b c"}});
  EXPECT_EQ(outcome.record, "a=b c 3");
  EXPECT_EQ(std::getenv("ADDED"), nullptr);
}

TEST_F(HostProcess, KeepsARecordLargerThanAPipe) {
  const auto outcome = run_shell("exec >&$FANOUT_RECORD_FD; head -c 300000 /dev/zero | tr '\\0' x; echo");
  EXPECT_EQ(outcome.record, std::string(300000, 'x'));
}

TEST_F(HostProcess, ACrashHasNoRecordAndNamesItsSignal) {
  const auto outcome = run_shell("kill -SEGV $$");
  EXPECT_EQ(outcome.record, "");
  EXPECT_EQ(lab::describe_exit(outcome.wait_status), "SIGSEGV (segmentation fault)");
}

TEST_F(HostProcess, ASilentExitHasNoRecord) {
  const auto outcome = run_shell("exit 3");
  EXPECT_EQ(outcome.record, "");
  EXPECT_EQ(lab::describe_exit(outcome.wait_status), "exit code 3");
}

TEST_F(HostProcess, AnUnfinishedRecordIsNone) {
  EXPECT_EQ(run_shell("printf '{\"wall_s\":' >&$FANOUT_RECORD_FD; kill -KILL $$").record, "");
}

TEST_F(HostProcess, ACommandThatDoesNotExistIsOneError) {
  try {
    lab::run_host({.command = {"/nonexistent/program"}});
    FAIL() << "nothing was thrown";
  } catch (const std::system_error& error) {
    EXPECT_EQ(error.code(), std::errc::no_such_file_or_directory);
    EXPECT_NE(std::string(error.what()).find("/nonexistent/program"), std::string::npos);
  }
}

TEST_F(HostProcess, GrandchildrenAreSweptInWhateverSessionTheyAre) {
  // Three that would outlive the host: in its group, in a session of its own, and orphaned. TearDown counts.
  const auto outcome =
      run_shell("sleep 1000 & setsid sleep 1000 & (setsid sh -c 'sleep 1000 & sleep 1000' &) ; echo done >&3");
  EXPECT_EQ(outcome.record, "done");
}

TEST_F(HostProcess, EndsThoughAGrandchildHoldsAllItsDescriptors) {
  EXPECT_EQ(run_shell("sleep 1000 & exit 4").record, "");
}

TEST_F(HostProcess, LinesOfTwoProcessesStayWhole) {
  // Each line is written in two pieces, by two processes at the same time.
  run_shell("w() { i=0; while [ $i -lt 300 ]; do printf 'left '; printf 'right\\n'; i=$((i+1)); done; }; w & w & wait");
  EXPECT_EQ(lines, std::vector<std::string>(600, "left right"));
  EXPECT_EQ(senders.size(), 2U);
  EXPECT_EQ(lines_of_host, 0U);
}

TEST_F(HostProcess, BothStreamsOfTheHostAreHeard) {
  run_shell("echo out; echo err >&2; printf unfinished");
  EXPECT_EQ(std::set(lines.begin(), lines.end()), (std::set<std::string>{"out", "err", "unfinished"}));
  EXPECT_EQ(lines_of_host, 3U);
}

TEST_F(HostProcess, ReadsNothingAndInheritsNothing) {
  const lab::file_descriptor leaked(fcntl(STDERR_FILENO, F_DUPFD, 77));  // not close-on-exec
  ASSERT_GE(leaked.get(), 77);
  run_shell("readlink /proc/$$/fd/0; [ -e /proc/$$/fd/3 ] && echo record; [ -e /proc/$$/fd/77 ] || echo 'no other'");
  EXPECT_EQ(lines, (std::vector<std::string>{"/dev/null", "record", "no other"}));
}

TEST_F(HostProcess, HasAProcessGroupOfItsOwnAndDefaultSignals) {
  const auto before = std::signal(SIGPIPE, SIG_IGN);  // here, not there
  run_shell("cut -d' ' -f5 /proc/$$/stat; echo $$; grep SigIgn /proc/$$/status; exec grep SigBlk /proc/self/status");
  std::signal(SIGPIPE, before);
  ASSERT_EQ(lines.size(), 4U);
  EXPECT_EQ(lines[3], "SigBlk:\t0000000000000000");
  EXPECT_EQ(lines[0], lines[1]);
  EXPECT_EQ(std::stoul(lines[2].substr(lines[2].find('\t')), nullptr, 16) & (1UL << (SIGPIPE - 1)), 0U);
}

TEST_F(HostProcess, SeesTheMemoryOfTheWholeTree) {
  const std::string fifo = testing::TempDir() + "/fanout_host_test_" + std::to_string(getpid());
  ASSERT_EQ(mkfifo(fifo.c_str(), 0600), 0);
  on_tick = [&] { lab::file_descriptor(open(fifo.c_str(), O_WRONLY | O_NONBLOCK)); };  // lets the child read its end
  const auto outcome = run_shell("(read nothing < " + fifo + "; echo child)");
  std::filesystem::remove(fifo);
  EXPECT_EQ(lines, std::vector<std::string>{"child"});
  EXPECT_GE(outcome.pss_samples, 1U);
  EXPECT_GT(outcome.pss_peak_bytes, 50'000U);
}

TEST_F(HostProcess, ASignalToUsEndsEverythingAndIsThrown) {
  const lab::interruption signals;
  try {
    run_shell("sleep 1000 & setsid sleep 1000 & kill -TERM " + std::to_string(getpid()) + "; sleep 1000");
    FAIL() << "nothing was thrown";
  } catch (const lab::interrupted& by) {
    EXPECT_EQ(by.signal, SIGTERM);
  }
}

/// The script prints its children's numbers on one line and waits; then what runs it is killed.
void dies_with_the_process_that_started_it(const std::string& script) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  const pid_t controller = fork();
  if (controller == 0) {
    close(ends[0]);
    lab::run_host({.command = {"sh", "-c", script}, .on_line = [&](const lab::output_line& line) {
                     [[maybe_unused]] const auto written = write(ends[1], line.text.data(), line.text.size());
                     raise(SIGKILL);
                   }});
    _exit(0);
  }
  close(ends[1]);
  char text[100] = {};
  ASSERT_GT(read(ends[0], text, sizeof text - 1), 0);
  close(ends[0]);
  int status = 0;
  ASSERT_EQ(waitpid(controller, &status, 0), controller);
  ASSERT_EQ(WTERMSIG(status), SIGKILL);
  while (waitpid(-1, nullptr, 0) > 0) {  // the guardian is ours now: it ends when nothing is left
  }
  std::istringstream numbers(text);
  for (pid_t pid = 0; numbers >> pid;) EXPECT_EQ(kill(pid, 0), -1) << pid << " still runs";
}

TEST_F(HostProcess, DiesWithTheProcessThatStartedIt) {
  dies_with_the_process_that_started_it("echo $$; exec sleep 1000");
}

TEST_F(HostProcess, WhatItStartedDiesWithTheProcessThatStartedIt) {
  dies_with_the_process_that_started_it("sleep 1000 & a=$!; setsid sleep 1000 & echo $$ $a $!; wait");
}

TEST_F(HostProcess, AGuardianThatIsKilledTakesItsHostAlong) {
  const auto outcome = run_shell("setsid sleep 1000 & kill -KILL $PPID; sleep 1000");
  EXPECT_EQ(outcome.record, "");
  EXPECT_EQ(lab::describe_exit(outcome.wait_status), "SIGKILL (killed)");
}

TEST_F(HostProcess, AHostThatDoesNotEndAfterItsRecordIsKilled) {
  const auto outcome = run_shell("echo done >&3; exec sleep 1000");
  EXPECT_EQ(outcome.record, "done");
  EXPECT_EQ(lab::describe_exit(outcome.wait_status), "SIGKILL (killed)");
}

}  // namespace
