// SPDX-License-Identifier: Apache-2.0
// How a nanny comes to be: as a program started anew, or as a copy of this one.
#include "nanny_start.hpp"

#include <fcntl.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "end_here.hpp"
#include "fanout/detail/foreign_runtime.hpp"
#include "fanout/errors.hpp"
#include "nanny.hpp"
#include "wire.hpp"
#include "worker_entry.hpp"

extern char** environ;

namespace fanout::detail {

namespace {

constexpr int nanny_fd = 3;
constexpr char threads_variable[] = "OMP_NUM_THREADS";

void checked_spawn(int error, const char* call) {
  if (error != 0) throw std::system_error(error, std::generic_category(), call);
}

/// What the new process does between its creation and its program: all signals as at the start of a login, only its
/// socket and the program's stdout and stderr open, a process group of its own so that the terminal's Ctrl-C is the
/// program's business alone.
class spawn_settings {
 public:
  explicit spawn_settings(int socket) {
    ::posix_spawn_file_actions_init(&files_);
    ::posix_spawnattr_init(&attributes_);
    checked_spawn(::posix_spawn_file_actions_adddup2(&files_, socket, nanny_fd), "posix_spawn");
    checked_spawn(::posix_spawn_file_actions_addopen(&files_, 0, "/dev/null", O_RDONLY, 0), "posix_spawn");
    checked_spawn(::posix_spawn_file_actions_addclosefrom_np(&files_, nanny_fd + 1), "posix_spawn");
    sigset_t all, none;
    sigfillset(&all);
    sigemptyset(&none);
    ::posix_spawnattr_setsigdefault(&attributes_, &all);
    ::posix_spawnattr_setsigmask(&attributes_, &none);
    ::posix_spawnattr_setpgroup(&attributes_, 0);
    ::posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP);
  }
  ~spawn_settings() {
    ::posix_spawn_file_actions_destroy(&files_);
    ::posix_spawnattr_destroy(&attributes_);
  }
  spawn_settings(const spawn_settings&) = delete;
  spawn_settings& operator=(const spawn_settings&) = delete;

  pid_t spawn(const nanny_program& program, char** environment) {
    std::vector<std::string> words = program.argv;
    std::vector<char*> argv;
    for (auto& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    pid_t pid = 0;
    checked_spawn(::posix_spawnp(&pid, program.file.c_str(), &files_, &attributes_, argv.data(), environment),
                  ("posix_spawn of " + program.file).c_str());
    return pid;
  }

 private:
  posix_spawn_file_actions_t files_;
  posix_spawnattr_t attributes_;
};

std::atomic<bool> keeps_descriptors = false;

/// Above the standard three, of which it may have got a number.
descriptor above_standard(descriptor socket) { return descriptor(::fcntl(socket.get(), F_DUPFD_CLOEXEC, nanny_fd)); }

/// Where the other kind of nanny has it; all else is closed.
descriptor alone(descriptor socket) {
  if (socket.get() != nanny_fd) {
    ::dup3(socket.get(), nanny_fd, O_CLOEXEC);
    socket = descriptor(nanny_fd);
  }
  ::syscall(SYS_close_range, nanny_fd + 1, ~0U, 0U);
  return socket;
}

/// In the forked nanny: what posix_spawn does for the other kind.
[[noreturn]] void live_as_forked_nanny(descriptor socket) {
  ::setpgid(0, 0);
  for (int signal = 1; signal < NSIG; ++signal) ::signal(signal, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  socket = above_standard(std::move(socket));
  if (!keeps_descriptors.load(std::memory_order_relaxed)) socket = alone(std::move(socket));
  ::dup2(descriptor(::open("/dev/null", O_RDONLY | O_CLOEXEC)).get(), 0);
  become_worker_process();
  run_nanny(std::move(socket));
}

unsigned count_threads() {
  std::ifstream status("/proc/self/stat");
  std::string line;
  std::getline(status, line);
  // After the name's closing parenthesis the 18th field is num_threads.
  std::size_t at = line.rfind(')');
  for (int field = 0; field < 18 && at != std::string::npos; ++field) at = line.find(' ', at + 1);
  const int threads = at != std::string::npos ? std::atoi(line.c_str() + at) : 1;
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
  constexpr int of_sanitizer = 1;  // it takes care of forks itself
#else
  constexpr int of_sanitizer = 0;
#endif
#else
  constexpr int of_sanitizer = 0;
#endif
  return static_cast<unsigned>(std::max(threads - of_sanitizer, 1));
}

}  // namespace

unsigned own_threads() {
  using namespace std::chrono_literals;
  unsigned threads = count_threads();
  // Whoever waits for a thread's end is told of it a moment before the kernel has ceased to count it.
  for (int looks = 0; threads > 1 && looks < 20; ++looks) {
    std::this_thread::sleep_for(1ms);
    threads = count_threads();
  }
  return threads;
}

void keep_descriptors_in_forks() noexcept { keeps_descriptors.store(true, std::memory_order_relaxed); }

nanny_process spawn_nanny(const nanny_program& program) {
  auto [ours, theirs] = make_socket_pair(SOCK_SEQPACKET);
  std::string role = std::string(role_variable) + "=nanny:" + std::to_string(nanny_fd);
  std::vector<char*> environment;
  for (char** variable = environ; *variable != nullptr; ++variable) {
    if (!std::string_view(*variable).starts_with(std::string(role_variable) + "=")) environment.push_back(*variable);
  }
  environment.push_back(role.data());
  std::string threads = std::string(threads_variable) + "=" + std::to_string(program.threads_per_worker);
  if (::getenv(threads_variable) == nullptr) environment.push_back(threads.data());
  environment.push_back(nullptr);
  const pid_t pid = spawn_settings(theirs.get()).spawn(program, environment.data());
  return {std::move(ours), pid};
}

nanny_process fork_nanny(const nanny_program& program) {
  if (const unsigned threads = own_threads(); threads > 1)
    throw error(
        "the start method fork needs a program without other threads, but this one has " + std::to_string(threads) +
        " (another pool or event loop counts too): make this pool before them, or use the start method forkserver");
  auto [ours, theirs] = make_socket_pair(SOCK_SEQPACKET);
  std::fflush(nullptr);  // or the copy would print it again
  const pid_t pid = checked(::fork(), "fork");
  if (pid == 0) {
    end_here([&] {
      ours.reset();
      ::setenv(threads_variable, std::to_string(program.threads_per_worker).c_str(), 0);
      live_as_forked_nanny(std::move(theirs));
    });
  }
  return {std::move(ours), pid};
}

}  // namespace fanout::detail
