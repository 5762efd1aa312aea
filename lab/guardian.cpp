// SPDX-License-Identifier: Apache-2.0
// The guardian, a copy of this single-threaded process that only waits:
//
//             fork             pid of the host          wait status
//   (none) ─────────▶ starting ───────────────▶ waiting ──────────▶ (exit)
//                        │                        │ host ended, link closed by us or by our end:
//                        ▼ error, on a pipe       ▼ group killed, host reaped, children swept
//                      (exit)
#include "lab/guardian.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>

#include "lab/process_tree.hpp"

namespace lab {

namespace {

constexpr std::chrono::seconds patience_of_the_sweep{2};

/// What the host keeps, at the numbers it keeps them.
enum kept : int { input = 0, output = 1, errors = 2, record = 3, start_error = 4, first_closed = 5 };

/// All that the two new processes need.
struct plan {
  char* const* argv;
  char* const* environment;  // to be added
  int sources[first_closed];
  int link;
  sigset_t signals;  // blocked in the host
};

[[noreturn]] void give_up(int start_error) {
  const int error = errno;
  [[maybe_unused]] const auto written = write(start_error, &error, sizeof error);
  _exit(127);
}

/// Between fork and exec.
[[noreturn]] void become_host(const plan& wanted, pid_t parent) {
  setpgid(0, 0);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(127);  // it died before the line above
  int high[first_closed];               // first out of the way: a source may sit on a number that is a target
  for (int target = 0; target < first_closed; ++target) {
    high[target] = fcntl(wanted.sources[target], F_DUPFD, first_closed);
    if (high[target] < 0) give_up(wanted.sources[start_error]);
  }
  for (int target = 0; target < first_closed; ++target) dup2(high[target], target);
  fcntl(start_error, F_SETFD, FD_CLOEXEC);
  close_range(first_closed, ~0U, 0);
  setenv("FANOUT_RECORD_FD", "3", 1);
  for (char* const* variable = wanted.environment; *variable != nullptr; ++variable) putenv(*variable);
  sigprocmask(SIG_SETMASK, &wanted.signals, nullptr);
  execvp(wanted.argv[0], wanted.argv);
  give_up(start_error);
}

/// Handlers of ours are nothing for others; what is ignored stays so (nohup), but for SIGPIPE.
void forget_handlers() {
  for (int number = 1; number < NSIG; ++number) {
    struct sigaction action{};
    if (sigaction(number, nullptr, &action) == 0 && (action.sa_handler != SIG_IGN || number == SIGPIPE))
      std::signal(number, SIG_DFL);
  }
}

/// All signals are blocked: only SIGKILL ends it before its time.
[[noreturn]] void guard(const plan& wanted) {
  setpgid(0, 0);  // Ctrl-C at a terminal is not for us
  prctl(PR_SET_NAME, "fanout-guardian");
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  forget_handlers();
  const pid_t self = getpid();
  const pid_t host = fork();
  if (host == 0) become_host(wanted, self);
  const int host_end = host < 0 ? -1 : static_cast<int>(syscall(SYS_pidfd_open, host, 0));
  if (host_end < 0) give_up(wanted.sources[start_error]);
  setpgid(host, host);  // the host does the same: whoever is first
  [[maybe_unused]] const auto told = send(wanted.link, &host, sizeof host, MSG_NOSIGNAL);
  const int link = dup2(wanted.link, 0), end = dup2(host_end, 1);
  close_range(2, ~0U, 0);
  pollfd events[] = {{link, POLLIN, 0}, {end, POLLIN, 0}};
  while (poll(events, std::size(events), -1) < 0) {
  }
  kill(-host, SIGKILL);  // before the host is reaped: until then nobody else can have its group's number
  kill(host, SIGKILL);   // which may have left it
  int status = 0;
  while (waitpid(host, &status, 0) < 0 && errno == EINTR) {
  }
  end_all_children(patience_of_the_sweep);
  [[maybe_unused]] const auto reported = send(link, &status, sizeof status, MSG_NOSIGNAL);
  _exit(0);
}

/// False if there is none any more.
bool read_all(int descriptor, int& number) {
  ssize_t got = 0;
  while ((got = read(descriptor, &number, sizeof number)) < 0 && errno == EINTR) {
  }
  return got == sizeof number;
}

/// Blocks all signals, so that none of our handlers runs in a copy of us.
pid_t fork_guardian(plan& wanted) {
  sigset_t all;
  sigfillset(&all);
  sigprocmask(SIG_SETMASK, &all, &wanted.signals);
  const pid_t pid = fork();
  if (pid == 0) guard(wanted);
  const int error = errno;
  sigprocmask(SIG_SETMASK, &wanted.signals, nullptr);
  errno = error;
  return pid;
}

/// As exec wants them: ending with a null.
std::vector<char*> pointers_to(const std::vector<std::string>& words) {
  std::vector<char*> pointers;
  for (const std::string& word : words) pointers.push_back(const_cast<char*>(word.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

}  // namespace

guardian::guardian(const std::vector<std::string>& command, const std::vector<std::string>& environment,
                   const standard_descriptors& given) {
  const std::vector<char*> argv = pointers_to(command), added = pointers_to(environment);
  int ends[2], error[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
    throw cannot_start(errno, std::generic_category(), "cannot make a socket pair");
  link_ = file_descriptor(ends[0]);
  file_descriptor their_link(ends[1]);
  if (pipe2(error, O_CLOEXEC) != 0) throw cannot_start(errno, std::generic_category(), "cannot make a pipe");
  const file_descriptor our_error(error[0]);
  file_descriptor their_error(error[1]);
  plan wanted{.argv = argv.data(),
              .environment = added.data(),
              .sources = {given.input, given.output, given.errors, given.record, their_error.get()},
              .link = their_link.get(),
              .signals = {}};
  if (fork_guardian(wanted) < 0) throw cannot_start(errno, std::generic_category(), "cannot start a process");
  their_link.reset();
  their_error.reset();
  // The pipe closes by itself when exec succeeds.
  if (int failed = 0; read_all(our_error.get(), failed))
    throw cannot_start(failed, std::generic_category(), "cannot start '" + command.front() + "'");
  read_all(link_.get(), host_);
}

int guardian::wait_status() {
  int status = 0;
  return read_all(link_.get(), status) ? status : SIGKILL;  // no answer: the guardian was killed, and its host with it
}

void guardian::end_host() { shutdown(link_.get(), SHUT_WR); }

}  // namespace lab
