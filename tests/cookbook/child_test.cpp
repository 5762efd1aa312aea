// SPDX-License-Identifier: Apache-2.0
// The recipe for child processes.
#include <gtest/gtest.h>

#include <cerrno>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "recipe.hpp"

// [recipe: A child process, its output, and a time-out]
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
// [end]

namespace {

// [recipe: A child process, its output, and a time-out]
class child_process {
 public:
  child_process(std::vector<std::string> command, int output) {
    std::vector<char*> argv;
    for (auto& word : command) argv.push_back(word.data());
    argv.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
    const int failure = posix_spawnp(&pid_, argv[0], &actions, nullptr, argv.data(), environ);
    posix_spawn_file_actions_destroy(&actions);
    if (failure != 0) throw std::system_error(failure, std::generic_category(), command[0]);
  }
  child_process(const child_process&) = delete;
  child_process& operator=(const child_process&) = delete;
  ~child_process() {  // one that still runs is killed, and waited for
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }

  fanout::task<int> exit_code() {
    asio::posix::stream_descriptor end(co_await fanout::this_task::get_io_context(),
                                       static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0)));
    co_await end.async_wait(asio::posix::descriptor_base::wait_read, fanout::use_task);
    siginfo_t info{};
    ::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOWAIT);
    co_return info.si_code == CLD_EXITED ? info.si_status : 128 + info.si_status;  // as a shell says it
  }

 private:
  pid_t pid_;
};

struct finished {
  int exit_code;
  std::string output;
};

fanout::task<finished> run_program(std::vector<std::string> command) {
  auto& context = co_await fanout::this_task::get_io_context();
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) throw std::system_error(errno, std::generic_category(), "pipe2");
  asio::readable_pipe ours(context, ends[0]);
  asio::writable_pipe the_childs(context, ends[1]);
  child_process child(std::move(command), the_childs.native_handle());
  the_childs.close();  // the child has its own: with this one open there were no end of file
  std::string output;
  const auto [error, size] =
      co_await asio::async_read(ours, asio::dynamic_buffer(output), asio::as_tuple(fanout::use_task));
  if (error != asio::error::eof) throw boost::system::system_error(error);
  co_return finished{co_await child.exit_code(), std::move(output)};
}
// [end]

TEST(Cookbook, ChildsOutputAndExitCode) {
  const auto [exit_code, output] =
      fanout::run(fanout::timeout(1h, run_program({"/bin/sh", "-c", "echo hello; exit 3"})));
  EXPECT_EQ(exit_code, 3);
  EXPECT_EQ(output, "hello\n");
}

TEST(Cookbook, ChildThatIsKilled) {
  EXPECT_EQ(fanout::run(run_program({"/bin/sh", "-c", "kill -9 $$"})).exit_code, 128 + 9);
}

TEST(Cookbook, ChildThatTakesTooLongIsKilled) {
  EXPECT_THROW(fanout::run(fanout::timeout(1ms, run_program({"/bin/sleep", "3600"}))), fanout::timed_out);
  EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1);
  EXPECT_EQ(errno, ECHILD);
}

TEST(Cookbook, ChildThatDoesNotExist) {
  EXPECT_THROW(fanout::run(run_program({"/no/such/program"})), std::system_error);
}

}  // namespace
