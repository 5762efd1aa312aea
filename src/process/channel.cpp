// SPDX-License-Identifier: Apache-2.0
// Frames over stream sockets.
#include "channel.hpp"

#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "fanout/errors.hpp"

namespace fanout::detail {

namespace {

constexpr std::size_t usual_read = std::size_t{64} << 10;
constexpr std::size_t largest_kept = std::size_t{1} << 20;

std::size_t push_vector(std::array<iovec, 32>& vectors, std::size_t used, std::span<const std::byte> bytes) {
  if (!bytes.empty()) vectors[used++] = {const_cast<std::byte*>(bytes.data()), bytes.size()};
  return used;
}

}  // namespace

std::pair<descriptor, descriptor> make_socket_pair(int type) {
  int ends[2];
  checked(::socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, ends), "socketpair");
  return {descriptor(ends[0]), descriptor(ends[1])};
}

std::size_t frame_source::room_wanted() const noexcept {
  frame_header header;
  if (buffer_.size() < sizeof header) return usual_read;
  std::memcpy(&header, buffer_.data(), sizeof header);
  // At most as much again as has come already: a length is believed only as far as its bytes arrive.
  const std::size_t believed = std::max(buffer_.size(), usual_read);
  const std::size_t missing = sizeof header + header.length - buffer_.size();
  return header.length > believed ? believed : std::max(missing, usual_read);
}

frame_source::input frame_source::fill(int fd, bool wait) {
  buffer_.drop_front(std::exchange(taken_, 0));
  if (buffer_.size() == 0 && buffer_.capacity() > largest_kept) buffer_ = byte_buffer();
  const std::size_t room = room_wanted();
  std::byte* const to = buffer_.extend(room);
  ssize_t got;
  do {
    got = ::recv(fd, to, room, wait ? 0 : MSG_DONTWAIT);
  } while (got < 0 && errno == EINTR);
  buffer_.shrink(room - (got > 0 ? static_cast<std::size_t>(got) : 0));
  if (got > 0) return input::some;
  if (got == 0) return input::closed;
  if (errno == EAGAIN) return input::none;
  return errno == ECONNRESET ? input::unread : input::closed;
}

std::optional<frame> frame_source::next() noexcept {
  frame f;
  const std::size_t left = buffer_.size() - taken_;
  if (left < sizeof f.header) return std::nullopt;
  std::memcpy(&f.header, buffer_.data() + taken_, sizeof f.header);
  if (f.header.length > left - sizeof f.header) return std::nullopt;
  f.body = buffer_.bytes().subspan(taken_ + sizeof f.header, static_cast<std::size_t>(f.header.length));
  taken_ += sizeof f.header + f.body.size();
  return f;
}

void channel::send(const frame_header& header, std::span<const std::byte> own, std::span<const std::byte> borrowed) {
  piece p;
  frame_header whole = header;
  whole.length = own.size() + borrowed.size();
  p.own.reserve(sizeof whole + own.size());
  p.own.append_value(whole);
  p.own.append(own.data(), own.size());
  p.borrowed = borrowed;
  output_.push_back(std::move(p));
}

bool channel::flush() {
  while (!output_.empty()) {
    std::array<iovec, 32> vectors;
    std::size_t used = 0;
    for (const piece& p : output_) {
      if (used + 2 > vectors.size()) break;
      used = push_vector(vectors, used, p.own.bytes().subspan(std::min(p.sent, p.own.size())));
      used = push_vector(vectors, used, p.borrowed.subspan(p.sent > p.own.size() ? p.sent - p.own.size() : 0));
    }
    msghdr message{};
    message.msg_iov = vectors.data();
    message.msg_iovlen = used;
    const ssize_t sent = ::sendmsg(socket_.get(), &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0 && errno == EAGAIN) return false;
    if (sent < 0) {  // the worker is gone: its end is reported, and says what becomes of this
      output_.clear();
      lost_output_ = true;
      break;
    }
    for (auto left = static_cast<std::size_t>(sent); left != 0;) {
      piece& p = output_.front();
      const std::size_t part = std::min(left, p.size() - p.sent);
      p.sent += part;
      left -= part;
      if (p.sent == p.size()) output_.pop_front();
    }
  }
  return true;
}

void channel::close_output() noexcept { ::shutdown(socket_.get(), SHUT_WR); }

bool send_all(int fd, std::span<const std::byte> bytes) noexcept {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) return false;
    bytes = bytes.subspan(static_cast<std::size_t>(sent));
  }
  return true;
}

}  // namespace fanout::detail
