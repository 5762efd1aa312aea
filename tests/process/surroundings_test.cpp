// SPDX-License-Identifier: Apache-2.0
// What a worker finds around it, and what the user's own program notices of the pool: nothing.
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <numeric>

#include "fanout/errors.hpp"
#include "support.hpp"

namespace {

using fanout::process_pool;

class ProcessPoolSurroundings : public fanout_test::each_start_method {};
FANOUT_FOR_EACH_START_METHOD(ProcessPoolSurroundings);

std::string first_line(const std::string& file) {
  std::ifstream in(file);
  std::string line;
  std::getline(in, line);
  return line;
}

struct surroundings {
  pid_t pid, group;
  bool signals_blocked, interrupt_ignored;
  std::string name, standard_input, oom_score;
  std::vector<std::string> descriptors;
};

surroundings look_around() {
  surroundings s;
  s.pid = ::getpid();
  s.group = ::getpgrp();
  sigset_t mask;
  ::sigprocmask(SIG_BLOCK, nullptr, &mask);
  s.signals_blocked = !sigisemptyset(&mask);
  struct sigaction action;
  ::sigaction(SIGINT, nullptr, &action);
  s.interrupt_ignored = action.sa_handler != SIG_DFL;
  s.name = first_line("/proc/self/comm");
  s.standard_input = std::filesystem::read_symlink("/proc/self/fd/0");
  s.oom_score = first_line("/proc/self/oom_score_adj");
  for (const auto& name : fanout_test::names_in("/proc/self/fd")) {
    std::error_code closed;  // the one that lists them
    const auto target = std::filesystem::read_symlink("/proc/self/fd/" + name, closed).string();
    if (std::stoi(name) > 2 && !closed) s.descriptors.push_back(target);
  }
  return s;
}

TEST_P(ProcessPoolSurroundings, AForkThatReturnsFromItsTaskEndsThere) {
  process_pool pool(options(1));
  const auto forks = [] {
    const pid_t child = ::fork();
    int status = -1;
    if (child != 0) ::waitpid(child, &status, 0);
    return std::pair(::getpid(), status);
  };
  for (int i = 0; i < 3; ++i) {
    const auto [worker, status] = pool.submit(forks).get();
    EXPECT_EQ(pool.submit(::getpid).get(), worker);
    EXPECT_EQ(status, 0);
  }
}

TEST_P(ProcessPoolSurroundings, OfAWorkerAreClean) {
  const int open_file = ::open("/dev/zero", O_RDONLY);  // on purpose without O_CLOEXEC
  sigset_t some, before;
  sigemptyset(&some);
  sigaddset(&some, SIGUSR1);
  ::pthread_sigmask(SIG_BLOCK, &some, &before);
  const auto old_handler = ::signal(SIGINT, SIG_IGN);
  {
    process_pool pool(options(1));
    auto s = pool.submit(look_around).get();
    EXPECT_EQ(s.pid, s.group);
    EXPECT_FALSE(s.signals_blocked);
    EXPECT_FALSE(s.interrupt_ignored);
    EXPECT_EQ(s.name, "fanout-worker");
    EXPECT_EQ(s.standard_input, "/dev/null");
    EXPECT_GT(std::stoi(s.oom_score), std::stoi(first_line("/proc/self/oom_score_adj")));
    ASSERT_EQ(s.descriptors.size(), 2U) << ::testing::PrintToString(s.descriptors);
    std::ranges::sort(s.descriptors);
    EXPECT_EQ(s.descriptors[0], "anon_inode:[eventfd]");
    EXPECT_EQ(s.descriptors[1].substr(0, 7), "socket:");
  }
  ::signal(SIGINT, old_handler);
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  ::close(open_file);
}

std::atomic<int> child_signals = 0;

TEST_P(ProcessPoolSurroundings, UserWaitpidSeesNoStrangers) {
  struct sigaction action{}, before{};
  action.sa_handler = [](int) { ++child_signals; };
  ::sigaction(SIGCHLD, &action, &before);
  {
    process_pool pool(options(2));
    child_signals = 0;
    for (int i = 0; i < 3; ++i) EXPECT_THROW(pool.submit([] { ::raise(SIGSEGV); }).get(), fanout::worker_died);
    EXPECT_EQ(pool.submit([] { return 1; }).get(), 1);
    EXPECT_EQ(child_signals, 0);
    EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), 0);
    const pid_t own = ::fork();
    if (own == 0) ::_exit(9);
    int status = 0;
    EXPECT_EQ(::waitpid(-1, &status, 0), own);
    EXPECT_EQ(WEXITSTATUS(status), 9);
  }
  struct sigaction after{};
  ::sigaction(SIGCHLD, &before, &after);
  EXPECT_EQ(after.sa_handler, action.sa_handler);
}

TEST_P(ProcessPoolSurroundings, SurviveAProgramThatIgnoresItsChildren) {
  const auto before = ::signal(SIGCHLD, SIG_IGN);
  {
    process_pool pool(options(1));
    EXPECT_THROW(pool.submit([] { ::_exit(3); }).get(), fanout::worker_died);
    EXPECT_EQ(pool.submit([] { return 1; }).get(), 1);
  }
  ::signal(SIGCHLD, before);
}

long cpu_microseconds(int who) {
  rusage usage;
  ::getrusage(who, &usage);
  return usage.ru_utime.tv_sec * 1'000'000 + usage.ru_utime.tv_usec;
}

TEST_P(ProcessPoolSurroundings, WorkersAreAccountedWhenThePoolIsGone) {
  const long before = cpu_microseconds(RUSAGE_CHILDREN);
  long used = 0;
  {
    process_pool pool(options(1));
    used = pool.submit([] {
                 while (cpu_microseconds(RUSAGE_SELF) < 50'000) {
                   for (volatile int i = 0; i < 1'000'000; i = i + 1) {
                   }
                 }
                 return cpu_microseconds(RUSAGE_SELF);
               })
               .get();
  }
  EXPECT_GE(cpu_microseconds(RUSAGE_CHILDREN) - before, used);
}

/// The arguments of the system call in which a thread of a process sleeps, or nothing.
std::vector<std::string> sleeping_in(const std::filesystem::path& task) {
  std::ifstream in(task / "syscall");
  std::vector<std::string> words;
  for (std::string word; in >> word;) words.push_back(word);
  return words;
}

TEST_P(ProcessPoolSurroundings, AnIdlePoolSleepsWithoutATimeLimit) {
  process_pool pool(options(2));
  static_cast<void>(pool.submit([] { return 1; }).get());
  std::filesystem::path supervisor;
  for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
    if (first_line(task.path() / "comm") == "fanout-sup") supervisor = task.path();
  }
  ASSERT_FALSE(supervisor.empty());
  if (sleeping_in(supervisor).empty()) GTEST_SKIP() << "this kernel does not show system calls";
  // poll(descriptors, how many, timeout): -1 is for ever.
  EXPECT_TRUE(fanout_test::eventually([&] {
    const auto call = sleeping_in(supervisor);
    return call.size() > 3 && call[3].ends_with("ffffffff");
  }));
}

TEST_P(ProcessPoolSurroundings, AForkOfTheProgramCannotUseItsPool) {
  process_pool pool(options(1));
  EXPECT_EQ(pool.submit([] { return 1; }).get(), 1);
  auto pending = pool.submit([] { ::pause(); });
  const pid_t child = ::fork();
  if (child == 0) {
    const auto refused = [](auto&& use) {
      try {
        use();
      } catch (const fanout::error&) {
        return true;
      }
      return false;
    };
    const bool all =
        refused([&] { static_cast<void>(pool.submit([] { return 1; })); }) && refused([&] { pending.get(); });
    ::_exit(all ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  EXPECT_TRUE(pending.cancel(fanout::cancel_mode::kill));
  EXPECT_EQ(pool.submit([] { return 2; }).get(), 2);
}

TEST_P(ProcessPoolSurroundings, ATaskMayHaveAPoolOfItsOwn) {  // T35
  process_pool pool(options(2));
  const auto nested = [](int n) {
    process_pool inner(2U);
    const auto squares = inner.map([](int x) { return x * x; }, std::vector{n, n + 1}).get();
    return squares[0] + squares[1];
  };
  EXPECT_EQ(pool.map(nested, std::vector{1, 2}).get(), (std::vector{1 + 4, 4 + 9}));
}

}  // namespace
