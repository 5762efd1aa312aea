// SPDX-License-Identifier: Apache-2.0
// The program's side of its nanny: how it is started, and the datagrams to and from it.
#include "nanny_link.hpp"

#include <fcntl.h>
#include <spawn.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <array>
#include <csignal>
#include <cstring>
#include <string_view>
#include <system_error>

extern char** environ;

namespace fanout::detail {

namespace {

constexpr int nanny_fd = 3;

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

  pid_t spawn(const std::string& program, char** environment) {
    char name[] = "fanout-nanny";
    char* argv[] = {name, nullptr};
    pid_t pid = 0;
    checked_spawn(::posix_spawn(&pid, program.c_str(), &files_, &attributes_, argv, environment),
                  ("posix_spawn of " + program).c_str());
    return pid;
  }

 private:
  posix_spawn_file_actions_t files_;
  posix_spawnattr_t attributes_;
};

}  // namespace

nanny_link::nanny_link(const std::string& program, nanny_listener& listener) : program_(program), listener_(listener) {
  auto [ours, theirs] = make_socket_pair(SOCK_SEQPACKET);
  std::string role = std::string(role_variable) + "=nanny:" + std::to_string(nanny_fd);
  std::vector<char*> environment;
  for (char** variable = environ; *variable != nullptr; ++variable) {
    if (!std::string_view(*variable).starts_with(std::string(role_variable) + "=")) environment.push_back(*variable);
  }
  environment.push_back(role.data());
  environment.push_back(nullptr);
  pid_ = spawn_settings(theirs.get()).spawn(program, environment.data());
  socket_ = std::move(ours);
}

void nanny_link::start_worker(std::uint64_t worker, bool exec, const std::vector<std::string>& command,
                              descriptor socket) {
  const nanny_request head{.verb = exec ? nanny_verb::exec : nanny_verb::fork,
                           .words = static_cast<std::uint32_t>(command.size()),
                           .worker = worker};
  std::string bytes(reinterpret_cast<const char*>(&head), sizeof head);
  for (const auto& word : command) bytes.append(word.c_str(), word.size() + 1);
  output_.push_back({std::move(bytes), std::move(socket)});
}

void nanny_link::kill_worker(std::uint64_t worker) {
  const nanny_request head{.verb = nanny_verb::kill, .words = 0, .worker = worker};
  output_.push_back({std::string(reinterpret_cast<const char*>(&head), sizeof head), descriptor()});
}

bool nanny_link::flush() {
  while (!output_.empty()) {
    request& r = output_.front();
    iovec bytes{r.bytes.data(), r.bytes.size()};
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
    msghdr message{};
    message.msg_iov = &bytes;
    message.msg_iovlen = 1;
    if (r.passed) {
      message.msg_control = control;
      message.msg_controllen = sizeof control;
      cmsghdr* const header = CMSG_FIRSTHDR(&message);
      header->cmsg_level = SOL_SOCKET;
      header->cmsg_type = SCM_RIGHTS;
      header->cmsg_len = CMSG_LEN(sizeof(int));
      const int fd = r.passed.get();
      std::memcpy(CMSG_DATA(header), &fd, sizeof fd);
    }
    const ssize_t sent = ::sendmsg(socket_.get(), &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0 && errno == EAGAIN) return false;
    output_.pop_front();  // sent, or the nanny is gone, which its socket's end tells
  }
  return true;
}

void nanny_link::on_event(std::uint32_t events) {
  if ((events & EPOLLOUT) != 0) flush();
  if ((events & ~std::uint32_t{EPOLLOUT}) != 0) read_reports();
}

void nanny_link::read_reports() {
  for (;;) {
    nanny_report news;
    const ssize_t size = ::recv(socket_.get(), &news, sizeof news, MSG_DONTWAIT);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0 && errno == EAGAIN) return;
    if (size != sizeof news) return listener_.on_nanny_gone(*this);
    ready_ = true;
    listener_.on_nanny_report(news);
  }
}

}  // namespace fanout::detail
