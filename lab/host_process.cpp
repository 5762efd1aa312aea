// SPDX-License-Identifier: Apache-2.0
// The loop that serves a host until it is gone.
#include "lab/host_process.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <optional>
#include <system_error>

#include "lab/file_descriptor.hpp"
#include "lab/guardian.hpp"
#include "lab/hardware_counters.hpp"
#include "lab/interruption.hpp"
#include "lab/line_assembler.hpp"
#include "lab/process_tree.hpp"
#include "lab/worker_meter.hpp"

namespace lab {

namespace {

using namespace std::chrono_literals;
using clock = std::chrono::steady_clock;

constexpr auto grace_after_record = 5s;
constexpr auto patience_of_the_sweep = 2s;

/// The two ends of a pipe or socket: ours, and the one the host gets.
struct channel {
  file_descriptor ours, theirs;
};

channel output_channel() {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
    throw cannot_start(errno, std::generic_category(), "cannot make a socket pair");
  channel made{file_descriptor(ends[0]), file_descriptor(ends[1])};
  const int on = 1;  // every piece received then names the process that wrote it, and no piece has two writers
  if (setsockopt(made.ours.get(), SOL_SOCKET, SO_PASSCRED, &on, sizeof on) != 0)
    throw cannot_start(errno, std::generic_category(), "cannot ask a socket for its senders");
  return made;
}

channel pipe_channel() {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) throw cannot_start(errno, std::generic_category(), "cannot make a pipe");
  return {file_descriptor(ends[0]), file_descriptor(ends[1])};
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
  explicit host_process(const host_request& request)
      : request_(request), lines_([this](pid_t sender, int stream, std::string_view text) {
          request_.on_line(
              {.sender = sender, .from_host = sender == guardian_->host(), .stream = stream, .text = text});
        }) {}
  host_process(const host_process&) = delete;
  host_process& operator=(const host_process&) = delete;
  ~host_process() { end(); }

  /// From its start until it is gone. Throws cannot_start and interrupted.
  host_outcome serve();

 private:
  void start();
  bool turn();
  void sample_memory();
  void look_closely();
  bool receive(file_descriptor& from, int stream);
  bool receive_record();
  void end();
  bool has_record() const { return !outcome_.record.empty() && outcome_.record.back() == '\n'; }

  const host_request& request_;
  file_descriptor output_, errors_, record_;
  std::optional<guardian> guardian_;
  std::optional<hardware_counters> counters_;
  line_assembler lines_;
  sampling_plan sampling_;
  clock::time_point last_tick_ = clock::now();
  clock::time_point next_look_ = clock::time_point::max();  // of request_.watch
  std::optional<clock::time_point> deadline_;
  host_outcome outcome_;
};

void host_process::start() {
  const file_descriptor nothing(open("/dev/null", O_RDONLY | O_CLOEXEC));
  channel output = output_channel(), errors = output_channel(), record = pipe_channel();
  guardian_.emplace(request_.command, request_.environment,
                    standard_descriptors{.input = nothing.get(),
                                         .output = output.theirs.get(),
                                         .errors = errors.theirs.get(),
                                         .record = record.theirs.get()});
  outcome_.host = guardian_->host();
  counters_.emplace(guardian_->host());
  output_ = std::move(output.ours);
  errors_ = std::move(errors.ours);
  record_ = std::move(record.ours);
  if (request_.timeout > 0ns) deadline_ = clock::now() + request_.timeout;
  if (request_.watch) next_look_ = clock::now();
  fcntl(record_.get(), F_SETFL, O_NONBLOCK);
}

host_outcome host_process::serve() {
  start();
  while (turn()) {
  }
  while (record_ && receive_record()) {
  }
  end();
  if (has_record())
    outcome_.record.pop_back();
  else
    outcome_.record.clear();  // begun and never finished: worth nothing
  return outcome_;
}

/// False once the host is gone.
bool host_process::turn() {
  pollfd events[] = {{interruption::descriptor(), POLLIN, 0},
                     {output_.get(), POLLIN, 0},
                     {errors_.get(), POLLIN, 0},
                     {record_.get(), POLLIN, 0},
                     {guardian_->descriptor(), POLLIN, 0}};
  const auto next = std::min({deadline_.value_or(clock::time_point::max()), sampling_.next(), next_look_});
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(next - clock::now());
  poll(events, std::size(events), static_cast<int>(std::clamp(left, 0ms, 100ms).count()));
  interruption::check();
  if (events[1].revents != 0) receive(output_, 1);
  if (events[2].revents != 0) receive(errors_, 2);
  if (events[3].revents != 0) receive_record();
  if (events[4].revents != 0) {
    outcome_.wait_status = guardian_->wait_status();
    return false;
  }
  const auto now = clock::now();
  if (now >= next_look_) look_closely();
  if (now >= sampling_.next()) sample_memory();
  if (deadline_ && now >= *deadline_) {
    deadline_.reset();
    outcome_.timed_out = !has_record();
    guardian_->end_host();
  }
  if (now - last_tick_ >= 100ms) {
    last_tick_ = now;
    request_.on_tick();
  }
  return true;
}

void host_process::sample_memory() {
  const auto begun = clock::now();
  if (const std::uint64_t bytes = tree_pss_bytes(guardian_->host()); bytes > 0) {
    outcome_.pss_peak_bytes = std::max(outcome_.pss_peak_bytes, bytes);
    ++outcome_.pss_samples;
  }
  for (const pid_t pid : tree_of(guardian_->host())) {
    std::uint64_t& peak = outcome_.vmhwm_bytes[pid];
    peak = std::max(peak, peak_bytes_of(pid));
  }
  sampling_.sampled(begun, clock::now());
}

/// It may take a twentieth of the time.
void host_process::look_closely() {
  const auto begun = clock::now();
  request_.watch(guardian_->host());
  const auto now = clock::now();
  next_look_ = std::max(begun + 10ms, now + 20 * (now - begun));
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
    for (const auto& [name, value] : counters_->read()) outcome_.perf[name] = value;
    deadline_ = clock::now() + grace_after_record;
  }
  return true;
}

/// Also on the way out of an exception: whatever is left is killed, and what it had printed is delivered.
void host_process::end() {
  end_all_children(patience_of_the_sweep);  // of a guardian that was killed, or cut off in its work, all is ours now
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
