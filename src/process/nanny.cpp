// SPDX-License-Identifier: Apache-2.0
// The nanny: a clean, single-threaded process that starts workers, is their parent and that of all their orphans, and
// reports how they end. It outlives the program only for as long as it takes to end whatever is left.
//
//           request: fork or exec                waitpid
//   (none) ───────────────────────▶ a worker ─────────────▶ its group killed, orphans swept, reported
//
//   socket closed ──▶ every worker's group killed, all children swept and reaped ──▶ exit
#include "nanny.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string>
#include <unordered_map>
#include <vector>

#include "end_here.hpp"
#include "nanny_start.hpp"
#include "wire.hpp"
#include "worker_entry.hpp"
#include "worker_main.hpp"

namespace fanout::detail {

namespace {

constexpr int worker_fd = 3;  // where a started worker finds its socket

std::vector<pid_t> own_children() {
  std::vector<pid_t> children;
  std::ifstream list("/proc/thread-self/children");
  for (pid_t pid; list >> pid;) children.push_back(pid);
  return children;
}

int child_news_bell = -1;  // the eventfd that a SIGCHLD rings

void ring_child_news(int) {
  const int error = errno;
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written = ::write(child_news_bell, &one, sizeof one);
  errno = error;
}

class nanny {
 public:
  explicit nanny(descriptor socket) : program_(std::move(socket)), buffer_(largest_nanny_request) {
    ::prctl(PR_SET_NAME, "fanout-nanny");
    ::prctl(PR_SET_CHILD_SUBREAPER, 1);
    // Not a signalfd: of a program with other threads (static constructors, a worker_command), one could take the
    // signal.
    child_news_ = descriptor(checked(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), "eventfd"));
    child_news_bell = child_news_.get();
    struct sigaction on_child{};
    on_child.sa_handler = ring_child_news;
    on_child.sa_flags = SA_RESTART | SA_NOCLDSTOP;
    ::sigaction(SIGCHLD, &on_child, &before_);
    // Not if what ran before has started threads; nor if it has started processes, which are not workers to share.
    may_fork_ = own_threads() == 1 && own_children().empty();
    watch_program();
  }

  [[noreturn]] void run() {
    report({.news = nanny_news::ready, .pid = ::getpid(), .worker = 0, .status = protocol_version});
    for (bool open = true; open;) {
      std::array<pollfd, 3> sources{pollfd{program_.get(), POLLIN, 0}, pollfd{child_news_.get(), POLLIN, 0},
                                    pollfd{program_end_.get(), POLLIN, 0}};
      ::poll(sources.data(), sources.size(), -1);
      if (sources[1].revents != 0) reap();
      if (sources[0].revents != 0) open = take_request();
      if (sources[2].revents != 0) open = false;
    }
    end_everything();
    std::fflush(nullptr);
    ::_exit(0);
  }

 private:
  /// Its end is seen even while a process that it forked still has the other end of our socket open.
  void watch_program() {
    ucred peer{};
    socklen_t size = sizeof peer;
    if (::getsockopt(program_.get(), SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return;
    program_end_ = descriptor(static_cast<int>(::syscall(SYS_pidfd_open, peer.pid, 0)));
  }

  /// False: the program is gone.
  bool take_request() {
    descriptor passed;
    const ssize_t size = receive(passed);
    if (size < 0) return errno == EINTR || errno == EAGAIN;
    nanny_request request;
    if (static_cast<std::size_t>(size) < sizeof request) return false;
    std::memcpy(&request, buffer_.data(), sizeof request);
    if (request.verb == nanny_verb::kill) {
      kill_worker(request.worker);
    } else {
      start(request, std::move(passed), std::string(buffer_.data() + sizeof request, buffer_.data() + size));
    }
    return true;
  }

  ssize_t receive(descriptor& passed) {
    iovec where{buffer_.data(), buffer_.size()};
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))];
    msghdr message{};
    message.msg_iov = &where;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    const ssize_t size = ::recvmsg(program_.get(), &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    const cmsghdr* const header = size > 0 ? CMSG_FIRSTHDR(&message) : nullptr;
    if (header != nullptr && header->cmsg_type == SCM_RIGHTS) {
      int fd;
      std::memcpy(&fd, CMSG_DATA(header), sizeof fd);
      passed = descriptor(fd);
    }
    return size;
  }

  void start(const nanny_request& request, descriptor socket, const std::string& words) {
    const bool exec = request.verb == nanny_verb::exec || !may_fork_;  // then the words count
    const pid_t self = ::getpid();
    std::fflush(nullptr);  // a worker must not print again what static constructors left in a buffer
    const pid_t pid = ::fork();
    if (pid == 0) {
      end_here([&] {
        begin_worker(self);
        if (exec) exec_worker(std::move(socket), words);
        dress_as_worker();
        rename_forked_worker();
        serve(std::move(socket), leave_by::immediate);
      });
    }
    if (pid < 0) return report({.news = nanny_news::not_started, .worker = request.worker, .status = errno});
    ::setpgid(pid, pid);  // the worker does the same: whoever is first
    workers_.emplace(pid, request.worker);
    report({.news = nanny_news::started, .pid = pid, .worker = request.worker});
  }

  /// In the new process: nothing of the nanny stays open, and the signals are as they were.
  void begin_worker(pid_t parent) noexcept {
    end_with_parent(parent);
    ::setpgid(0, 0);
    ::sigaction(SIGCHLD, &before_, nullptr);
    program_.reset();
    program_end_.reset();
    child_news_.reset();
  }

  [[noreturn]] static void exec_worker(descriptor socket, const std::string& words) {
    const bool own_program = words.empty();
    std::vector<char*> argv;
    std::string text = own_program ? std::string(worker_name, sizeof worker_name) : words;
    for (std::size_t at = 0; at < text.size(); at = text.find('\0', at) + 1) argv.push_back(text.data() + at);
    argv.push_back(nullptr);
    ::dup2(socket.get(), worker_fd);  // not the same number: that was the nanny's own socket, closed just now
    ::syscall(SYS_close_range, worker_fd + 1, ~0U, 0U);
    ::setenv(role_variable, ("worker:" + std::to_string(worker_fd)).c_str(), 1);
    const char* const program = own_program ? "/proc/self/exe" : argv[0];
    ::execvp(program, argv.data());
    std::fprintf(stderr, "fanout: cannot start a worker: %s: %s\n", program, std::strerror(errno));
    ::_exit(127);
  }

  void kill_worker(std::uint64_t worker) {
    const auto found = std::ranges::find(workers_, worker, [](const auto& entry) { return entry.second; });
    if (found == workers_.end()) return;
    ::kill(-found->first, SIGKILL);
    ::kill(found->first, SIGKILL);
  }

  void reap() {
    std::uint64_t rings;
    [[maybe_unused]] const auto read = ::read(child_news_.get(), &rings, sizeof rings);
    bool worker_ended = false;
    int status = 0;
    for (pid_t pid; (pid = ::waitpid(-1, &status, WNOHANG)) > 0;) {
      const auto found = workers_.find(pid);
      if (found == workers_.end()) continue;  // an orphan that a worker left
      ::kill(-pid, SIGKILL);
      report({.news = nanny_news::ended, .pid = pid, .worker = found->second, .status = status});
      workers_.erase(found);
      worker_ended = true;
    }
    if (worker_ended) sweep();
  }

  /// Ends orphans: children that are no workers.
  void sweep() const {
    for (const pid_t pid : own_children()) {
      if (!workers_.contains(pid)) ::kill(pid, SIGKILL);
    }
  }

  void end_everything() {
    program_.reset();
    for (const auto& [pid, worker] : workers_) {
      ::kill(-pid, SIGKILL);
      ::kill(pid, SIGKILL);
    }
    workers_.clear();
    do {
      sweep();  // again after each, for what an ended child leaves to us
    } while (::waitpid(-1, nullptr, 0) > 0 || errno == EINTR);
  }

  void report(const nanny_report& news) {
    // Blocks when the program is slow to read, which only delays it; fails when it is gone, which ends the loop.
    while (::send(program_.get(), &news, sizeof news, MSG_NOSIGNAL) < 0 && errno == EINTR) {
    }
  }

  descriptor program_;
  descriptor program_end_;  // empty where the kernel has no pidfds: then only the socket tells
  descriptor child_news_;
  struct sigaction before_{};  // what SIGCHLD did
  bool may_fork_ = true;
  std::vector<char> buffer_;
  std::unordered_map<pid_t, std::uint64_t> workers_;  // by process: its number at the program's side
};

}  // namespace

void run_nanny(descriptor socket) { nanny(std::move(socket)).run(); }

}  // namespace fanout::detail
