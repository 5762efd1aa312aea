// SPDX-License-Identifier: Apache-2.0
#include "welcome.hpp"

#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace fanout::detail {

namespace {

constexpr auto descriptors = static_cast<std::size_t>(welcome_fd::count);
using numbers = std::array<int, descriptors>;

/// A message with room for the descriptors.
template <class Greeting>
struct envelope {
  explicit envelope(Greeting& greeting) noexcept : content{const_cast<welcome*>(&greeting), sizeof greeting} {
    message.msg_iov = &content;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof control;
  }
  iovec content;
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(numbers))] = {};
  msghdr message{};
};

}  // namespace

void send_welcome(const descriptor& socket, const welcome& greeting, const descriptor& memory,
                  const descriptor& program_page, const descriptor& bell) {
  envelope e(greeting);
  cmsghdr* const header = CMSG_FIRSTHDR(&e.message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof(numbers));
  const numbers passed{memory.get(), program_page.get(), bell.get()};
  std::memcpy(CMSG_DATA(header), &passed, sizeof passed);
  checked(static_cast<int>(::sendmsg(socket.get(), &e.message, MSG_NOSIGNAL)), "sendmsg");
}

std::optional<worker_surroundings> receive_welcome(const descriptor& socket) {
  worker_surroundings all;
  envelope e(all.greeting);
  ssize_t size;
  do {
    size = ::recvmsg(socket.get(), &e.message, MSG_CMSG_CLOEXEC | MSG_WAITALL);
  } while (size < 0 && errno == EINTR);
  const cmsghdr* const header = size > 0 ? CMSG_FIRSTHDR(&e.message) : nullptr;
  if (header == nullptr || header->cmsg_type != SCM_RIGHTS || header->cmsg_len != CMSG_LEN(sizeof(numbers)))
    return std::nullopt;
  numbers passed;
  std::memcpy(&passed, CMSG_DATA(header), sizeof passed);
  all.memory = descriptor(passed[static_cast<std::size_t>(welcome_fd::worker_memory)]);
  all.program_page = descriptor(passed[static_cast<std::size_t>(welcome_fd::program_page)]);
  all.bell = descriptor(passed[static_cast<std::size_t>(welcome_fd::bell)]);
  if (size != sizeof all.greeting || all.greeting.version != protocol_version) return std::nullopt;
  return all;
}

}  // namespace fanout::detail
