// SPDX-License-Identifier: Apache-2.0
// Messages over a unix socket, each with descriptors.
#pragma once

#include <sys/socket.h>
#include <sys/types.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <type_traits>

#include "descriptor.hpp"

namespace fanout::detail {

/// Room for a message and the numbers of its descriptors.
template <class Content, std::size_t Descriptors>
  requires std::is_trivially_copyable_v<Content>
struct passed_message {
  using numbers = std::array<int, Descriptors>;

  explicit passed_message(Content& content) noexcept : part{&content, sizeof content} {
    header.msg_iov = &part;
    header.msg_iovlen = 1;
    header.msg_control = control;
    header.msg_controllen = CMSG_LEN(sizeof(numbers));
  }
  iovec part;
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(numbers))] = {};
  msghdr header{};
};

/// As sendmsg(). Only the first `count` of the descriptors are sent.
template <class Content, std::size_t Descriptors>
ssize_t send_with(const std::array<int, Descriptors>& descriptors, int socket, Content content, int flags,
                  std::size_t count = Descriptors) noexcept {
  passed_message<Content, Descriptors> message(content);
  cmsghdr* const header = CMSG_FIRSTHDR(&message.header);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  message.header.msg_controllen = CMSG_LEN(count * sizeof(int));
  header->cmsg_len = CMSG_LEN(count * sizeof(int));
  std::memcpy(CMSG_DATA(header), &descriptors, count * sizeof(int));
  return ::sendmsg(socket, &message.header, flags | MSG_NOSIGNAL);
}

/// As recvmsg(). Of the descriptors come those that there are, and that this process has room for.
template <class Content, std::size_t Descriptors>
ssize_t receive_with(std::array<descriptor, Descriptors>& descriptors, int socket, Content& content,
                     int flags) noexcept {
  passed_message<Content, Descriptors> message(content);
  ssize_t size;
  do {
    size = ::recvmsg(socket, &message.header, flags | MSG_CMSG_CLOEXEC | MSG_WAITALL);
  } while (size < 0 && errno == EINTR);
  const cmsghdr* const header = size > 0 ? CMSG_FIRSTHDR(&message.header) : nullptr;
  if (header == nullptr || header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) return size;
  const std::size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
  for (std::size_t i = 0; i < count && i < Descriptors; ++i) {
    int number;
    std::memcpy(&number, CMSG_DATA(header) + i * sizeof number, sizeof number);
    descriptors[i] = descriptor(number);
  }
  return size;
}

}  // namespace fanout::detail
