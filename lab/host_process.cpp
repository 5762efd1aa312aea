// SPDX-License-Identifier: Apache-2.0
// Starting a host, and the loop that serves it until it is gone.
#include "lab/host_process.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <system_error>

#include "lab/file_descriptor.hpp"
#include "lab/interruption.hpp"
#include "lab/line_assembler.hpp"
#include "lab/process_tree.hpp"

namespace lab {

namespace {

using namespace std::chrono_literals;
using clock = std::chrono::steady_clock;

constexpr auto grace_after_record = 5s;
constexpr auto patience_of_the_sweep = 2s;

std::system_error system_failure(int error, const std::string& what) { return {error, std::generic_category(), what}; }

/// The two ends of a pipe or socket: ours, and the one the host gets.
struct channel {
  file_descriptor ours, theirs;
};

channel output_channel() {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
    throw system_failure(errno, "cannot make a socket pair");
  channel made{file_descriptor(ends[0]), file_descriptor(ends[1])};
  const int on = 1;  // every piece received then names the process that wrote it, and no piece has two writers
  if (setsockopt(made.ours.get(), SOL_SOCKET, SO_PASSCRED, &on, sizeof on) != 0)
    throw system_failure(errno, "cannot ask a socket for its senders");
  return made;
}

channel pipe_channel() {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) throw system_failure(errno, "cannot make a pipe");
  return {file_descriptor(ends[0]), file_descriptor(ends[1])};
}

/// What the child keeps, at the numbers it keeps them.
enum kept : int { input = 0, output = 1, errors = 2, record = 3, start_error = 4, first_closed = 5 };

/// In the child, between fork and exec: nothing here allocates or throws. Only returns by exec or _exit.
[[noreturn]] void become_host(char* const* argv, pid_t parent, const int (&sources)[first_closed]) {
  setpgid(0, 0);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(127);  // it died before the line above
  std::signal(SIGPIPE, SIG_DFL);
  int high[first_closed];  // first out of the way: a source may sit on a number that is a target
  for (int target = 0; target < first_closed; ++target) high[target] = fcntl(sources[target], F_DUPFD, 16);
  for (int target = 0; target < first_closed; ++target) dup2(high[target], target);
  fcntl(start_error, F_SETFD, FD_CLOEXEC);
  close_range(first_closed, ~0U, 0);
  setenv("FANOUT_RECORD_FD", "3", 1);
  execvp(argv[0], argv);
  const int error = errno;
  [[maybe_unused]] const auto written = write(start_error, &error, sizeof error);
  _exit(127);
}

/// When memory is looked at next, so that short runs are seen and long ones are not disturbed.
class sampling_plan {
 public:
  clock::time_point next() const { return next_; }

  /// A sample took from `begun` to `now`: at most 2 % of the time goes into sampling.
  void sampled(clock::time_point begun, clock::time_point now) {
    const auto elapsed = std::chrono::duration_cast<std::chrono::milliseconds>(next_ - start_);
    next_ = std::max(begun + std::clamp(elapsed, 5ms, 100ms), now + 50 * (now - begun));
  }

 private:
  clock::time_point start_ = clock::now();
  clock::time_point next_ = start_ + 5ms;
};

class host_process {
 public:
  explicit host_process(const host_request& request);
  host_process(const host_process&) = delete;
  host_process& operator=(const host_process&) = delete;
  ~host_process() { end(); }

  /// Until the host is gone. Throws interrupted.
  host_outcome serve();

 private:
  void start();
  void wait_for_exec(const file_descriptor& start_error);
  void turn();
  void sample_memory();
  bool receive(file_descriptor& from, int stream);
  bool receive_record();
  void reap();
  void end();
  bool has_record() const { return !outcome_.record.empty() && outcome_.record.back() == '\n'; }

  const host_request& request_;
  file_descriptor output_, errors_, record_, exit_;
  pid_t pid_ = -1;  // -1 again once reaped
  pid_t group_ = -1;
  line_assembler lines_;
  sampling_plan sampling_;
  clock::time_point last_tick_ = clock::now();
  std::optional<clock::time_point> deadline_;
  host_outcome outcome_;
};

host_process::host_process(const host_request& request)
    : request_(request), lines_([this](pid_t sender, int stream, std::string_view text) {
        request_.on_line({.sender = sender, .from_host = sender == group_, .stream = stream, .text = text});
      }) {
  start();
}

void host_process::start() {
  std::vector<char*> argv;
  for (const std::string& word : request_.command) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  const file_descriptor nothing(open("/dev/null", O_RDONLY | O_CLOEXEC));
  channel output = output_channel(), errors = output_channel(), record = pipe_channel(), start_error = pipe_channel();
  const pid_t parent = getpid();
  pid_ = fork();
  if (pid_ < 0) throw system_failure(errno, "cannot start a process");
  if (pid_ == 0)
    become_host(
        argv.data(), parent,
        {nothing.get(), output.theirs.get(), errors.theirs.get(), record.theirs.get(), start_error.theirs.get()});
  group_ = pid_;
  output_ = std::move(output.ours);
  errors_ = std::move(errors.ours);
  record_ = std::move(record.ours);
  fcntl(record_.get(), F_SETFL, O_NONBLOCK);
  // glibc 2.36 declares pidfd_open without extern "C"
  exit_ = file_descriptor(static_cast<int>(syscall(SYS_pidfd_open, pid_, 0)));
  if (!exit_) throw system_failure(errno, "cannot watch a process");
  start_error.theirs.reset();
  wait_for_exec(start_error.ours);
}

/// The pipe closes by itself when exec succeeds.
void host_process::wait_for_exec(const file_descriptor& start_error) {
  int error = 0;
  ssize_t got = 0;
  while ((got = read(start_error.get(), &error, sizeof error)) < 0 && errno == EINTR) {
  }
  if (got == 0) return;
  end();
  throw system_failure(error, "cannot start '" + request_.command.front() + "'");
}

host_outcome host_process::serve() {
  while (pid_ > 0) turn();
  end();
  if (has_record())
    outcome_.record.pop_back();
  else
    outcome_.record.clear();  // begun and never finished: worth nothing
  return outcome_;
}

void host_process::turn() {
  pollfd events[] = {{interruption::descriptor(), POLLIN, 0},
                     {output_.get(), POLLIN, 0},
                     {errors_.get(), POLLIN, 0},
                     {record_.get(), POLLIN, 0},
                     {exit_.get(), POLLIN, 0}};
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(sampling_.next() - clock::now());
  poll(events, std::size(events), static_cast<int>(std::clamp(left, 0ms, 100ms).count()));
  interruption::check();
  if (events[1].revents != 0) receive(output_, 1);
  if (events[2].revents != 0) receive(errors_, 2);
  if (events[3].revents != 0) receive_record();
  if (events[4].revents != 0) return reap();
  const auto now = clock::now();
  if (now >= sampling_.next()) sample_memory();
  if (deadline_ && now >= *deadline_) kill(pid_, SIGKILL);
  if (now - last_tick_ >= 100ms) {
    last_tick_ = now;
    request_.on_tick();
  }
}

void host_process::sample_memory() {
  const auto begun = clock::now();
  if (const std::uint64_t bytes = tree_pss_bytes(pid_); bytes > 0) {
    outcome_.pss_peak_bytes = std::max(outcome_.pss_peak_bytes, bytes);
    ++outcome_.pss_samples;
  }
  sampling_.sampled(begun, clock::now());
}

/// False if there was nothing to receive.
bool host_process::receive(file_descriptor& from, int stream) {
  static char bytes[1 << 16];
  iovec piece{bytes, sizeof bytes};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(ucred))];
  msghdr message{};
  message.msg_iov = &piece;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  const ssize_t got = recvmsg(from.get(), &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  if (got == 0) from.reset();
  if (got <= 0) return false;
  ucred sender{};
  for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr; header = CMSG_NXTHDR(&message, header))
    if (header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_CREDENTIALS)
      std::memcpy(&sender, CMSG_DATA(header), sizeof sender);
  lines_.append(sender.pid, stream, {bytes, static_cast<std::size_t>(got)});
  return true;
}

/// False if there was nothing to receive.
bool host_process::receive_record() {
  char bytes[4096];
  const ssize_t got = read(record_.get(), bytes, sizeof bytes);
  if (got == 0) record_.reset();
  if (got <= 0) return false;
  outcome_.record.append(bytes, static_cast<std::size_t>(got));
  if (const auto end = outcome_.record.find('\n'); end != std::string::npos) {
    outcome_.record.resize(end + 1);
    record_.reset();  // not read to its end: a descendant may hold the other side for ever
    deadline_ = clock::now() + grace_after_record;
  }
  return true;
}

void host_process::reap() {
  while (record_ && receive_record()) {
  }
  kill(-group_, SIGKILL);  // before the host is reaped: until then nobody else can have its group's number
  while (waitpid(pid_, &outcome_.wait_status, 0) < 0 && errno == EINTR) {
  }
  pid_ = -1;
}

/// Also on the way out of an exception: whatever is left is killed, and what it had printed is delivered.
void host_process::end() {
  if (pid_ > 0) kill(-group_, SIGKILL);
  end_all_children(patience_of_the_sweep);
  pid_ = -1;
  while (output_ && receive(output_, 1)) {
  }
  while (errors_ && receive(errors_, 2)) {
  }
  lines_.flush();
}

}  // namespace

host_outcome run_host(const host_request& request) {
  interruption::check();
  return host_process(request).serve();
}

std::string describe_exit(int wait_status) {
  if (WIFEXITED(wait_status)) return "exit code " + std::to_string(WEXITSTATUS(wait_status));
  const int signal = WTERMSIG(wait_status);
  const char* name = sigabbrev_np(signal);
  std::string meaning = sigdescr_np(signal) != nullptr ? sigdescr_np(signal) : "";
  if (!meaning.empty()) meaning[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(meaning[0])));
  std::string described = name != nullptr ? "SIG" + std::string(name) : "signal " + std::to_string(signal);
  return meaning.empty() ? described : described + " (" + meaning + ")";
}

}  // namespace lab
