// SPDX-License-Identifier: Apache-2.0
// The program's side of its nanny: the datagrams to and from it.
#include "nanny_link.hpp"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <cerrno>
#include <csignal>
#include <cstring>

namespace fanout::detail {

nanny_link::nanny_link(nanny_process nanny, nanny_program program, nanny_listener& listener)
    : program_(std::move(program)), listener_(listener), socket_(std::move(nanny.socket)), pid_(nanny.pid) {}

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

void nanny_link::kill() const noexcept {
  if (may_never_be_ready()) ::kill(-pid_, SIGKILL);  // a script, and what that runs
  ::kill(pid_, SIGKILL);
}

namespace {

/// Its socket is full, or the kernel lacks memory, or has too many of this user's descriptors on their way.
bool may_be_sent_later(int error) noexcept {
  return error == EAGAIN || error == ENOBUFS || error == ENOMEM || error == ETOOMANYREFS;
}

}  // namespace

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
    if (sent < 0 && may_be_sent_later(errno)) return false;
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
    if (size != sizeof news) return listener_.on_nanny_gone(*this, "");
    if (news.news == nanny_news::ready && news.status != protocol_version)
      return listener_.on_nanny_gone(*this, "it was built with another version of fanout than this program");
    ready_ = true;
    listener_.on_nanny_report(news);
  }
}

}  // namespace fanout::detail
