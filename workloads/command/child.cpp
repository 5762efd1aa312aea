// SPDX-License-Identifier: Apache-2.0
// posix_spawn, two pipes, and a pidfd to wait with. As docs/cookbook.md has it, with the child's costs.
#include "workloads/command/child.hpp"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/readable_pipe.hpp>
#include <boost/system/system_error.hpp>
#include <cerrno>
#include <cstring>
#include <fanout/asio.hpp>
#include <fanout/gather.hpp>
#include <string_view>
#include <system_error>
#include <tuple>
#include <utility>

#include "lab/file_descriptor.hpp"
#include "lab/worker_meter.hpp"

namespace workloads {

namespace asio = boost::asio;

namespace {

constexpr std::size_t kept_at_most = 10'000;

[[noreturn]] void fail(int error, const std::string& what) {
  throw std::system_error(error, std::generic_category(), what);
}

/// Ours, without what is between us and the tool.
std::vector<char*> environment_of_child() {
  std::vector<char*> variables;
  for (char** variable = environ; *variable != nullptr; ++variable)
    if (!std::string_view(*variable).starts_with("FANOUT_RECORD_FD=")) variables.push_back(*variable);
  variables.push_back(nullptr);
  return variables;
}

/// What posix_spawn is told, freed with this.
class start_plan {
 public:
  start_plan(int output, int errors) {
    posix_spawn_file_actions_init(&actions_);
    posix_spawn_file_actions_addopen(&actions_, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions_, output, STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions_, errors, STDERR_FILENO);
    posix_spawn_file_actions_addclosefrom_np(&actions_, STDERR_FILENO + 1);
    sigset_t none, broken_pipe;
    sigemptyset(&none);
    sigemptyset(&broken_pipe);
    sigaddset(&broken_pipe, SIGPIPE);  // which this program ignores, and `yes | head` must not
    posix_spawnattr_init(&attributes_);
    posix_spawnattr_setsigmask(&attributes_, &none);
    posix_spawnattr_setsigdefault(&attributes_, &broken_pipe);
    posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  }
  start_plan(const start_plan&) = delete;
  start_plan& operator=(const start_plan&) = delete;
  ~start_plan() {
    posix_spawnattr_destroy(&attributes_);
    posix_spawn_file_actions_destroy(&actions_);
  }

  pid_t start(std::vector<std::string>& words) {
    std::vector<char*> argv;
    for (std::string& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    std::vector<char*> variables = environment_of_child();
    pid_t pid = -1;
    if (const int error = posix_spawnp(&pid, argv[0], &actions_, &attributes_, argv.data(), variables.data());
        error != 0)
      fail(error, "cannot start '" + words.front() + "'");
    return pid;
  }

 private:
  posix_spawn_file_actions_t actions_;
  posix_spawnattr_t attributes_;
};

/// Reaped in any case.
class child_process {
 public:
  explicit child_process(pid_t pid) : pid_(pid) {}
  child_process(const child_process&) = delete;
  child_process& operator=(const child_process&) = delete;
  ~child_process() {
    if (pid_ < 0) return;
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }

  fanout::task<> ended() {
    auto& context = co_await fanout::this_task::get_io_context();
    const int descriptor = static_cast<int>(syscall(SYS_pidfd_open, pid_, 0));
    if (descriptor < 0) fail(errno, "cannot wait for a process");
    asio::posix::stream_descriptor end(context, descriptor);
    co_await end.async_wait(asio::posix::descriptor_base::wait_read, fanout::use_task);
  }

  /// When it has ended.
  void reap(finished_child& found) {
    const std::int64_t delay_ns = lab::run_delay_of(pid_);
    rusage usage{};
    while (wait4(pid_, &found.wait_status, 0, &usage) < 0 && errno == EINTR) {
    }
    pid_ = -1;
    const auto ns = [](const timeval& time) {
      return std::int64_t{time.tv_sec} * 1'000'000'000 + std::int64_t{time.tv_usec} * 1000;
    };
    found.used = {.cpu_ns = ns(usage.ru_utime) + ns(usage.ru_stime),
                  .run_delay_ns = std::max<std::int64_t>(delay_ns, 0),
                  .any = true};
  }

 private:
  pid_t pid_;
};

/// The end that is read, and the one for the child.
struct pipe_ends {
  lab::file_descriptor ours, childs;
};

pipe_ends make_pipe() {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) fail(errno, "cannot make a pipe");
  return {lab::file_descriptor(ends[0]), lab::file_descriptor(ends[1])};
}

void keep_beginning(std::string& kept, std::string_view more) {
  kept += more.substr(0, kept_at_most - std::min(kept.size(), kept_at_most));
}

void keep_end(std::string& kept, std::string_view more) {
  kept += more;
  if (kept.size() > kept_at_most) kept.erase(0, kept.size() - kept_at_most);
}

/// Until all who could write have closed it.
fanout::task<> read_all(lab::file_descriptor end, captured_text& into, void (*keep)(std::string&, std::string_view)) {
  asio::readable_pipe pipe(co_await fanout::this_task::get_io_context());
  pipe.assign(end.release());
  std::array<char, 16384> bytes;
  for (;;) {
    const auto [error, size] = co_await pipe.async_read_some(asio::buffer(bytes), asio::as_tuple(fanout::use_task));
    const std::string_view got(bytes.data(), size);
    into.all.append(got);
    keep(into.kept, got);
    if (error == asio::error::eof) co_return;
    if (error) throw boost::system::system_error(error, "reading what a command writes");
  }
}

}  // namespace

fanout::task<finished_child> run_child(std::vector<std::string> words) {
  finished_child found;
  pipe_ends output = make_pipe(), errors = make_pipe();
  child_process child(start_plan(output.childs.get(), errors.childs.get()).start(words));
  output.childs.reset();  // the child has its own: with these open there were no end
  errors.childs.reset();
  co_await fanout::gather(read_all(std::move(output.ours), found.output, keep_beginning),
                          read_all(std::move(errors.ours), found.errors, keep_end));
  co_await child.ended();
  child.reap(found);
  co_return found;
}

}  // namespace workloads
