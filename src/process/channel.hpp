// SPDX-License-Identifier: Apache-2.0
// The seam between bookkeeping and transport: frames over one private socket for each worker.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <span>

#include "descriptor.hpp"
#include "fanout/detail/byte_buffer.hpp"
#include "wire.hpp"

namespace fanout::detail {

struct frame {
  frame_header header;
  std::span<const std::byte> body;  // valid until the next fill()
};

/// Cuts the bytes of a stream into frames. What a length claims is taken only as it arrives.
class frame_source {
 public:
  enum class input {
    some,    ///< bytes came
    none,    ///< nothing for now
    closed,  ///< the other side is gone, and had read all that was sent to it
    unread,  ///< the other side is gone, and had not read all that was sent to it
  };

  /// One read.
  input fill(int fd, bool wait);
  std::optional<frame> next() noexcept;

 private:
  std::size_t room_wanted() const noexcept;

  byte_buffer buffer_;
  std::size_t taken_ = 0;  // at the front of the buffer, by next()
};

/// The program's end of a worker's socket. Nothing here blocks. Only the turns of the supervisor use it.
class channel {
 public:
  explicit channel(descriptor socket) noexcept : socket_(std::move(socket)) {}

  int fd() const noexcept { return socket_.get(); }

  /// Queues a frame; its body is `own`, then `borrowed`, which must stay where it is until the frame is sent.
  void send(const frame_header& header, std::span<const std::byte> own, std::span<const std::byte> borrowed = {});
  /// Sends what the socket takes. True: nothing is left to send.
  bool flush();
  /// Was something not sent because the worker is gone?
  bool lost_output() const noexcept { return lost_output_; }
  /// Forgets what was not sent.
  void drop_output() noexcept { output_.clear(); }

  /// Reads all that is there and calls `on_frame(frame)` for each whole frame.
  template <class F>
  frame_source::input receive(F&& on_frame) {
    for (;;) {
      const auto got = input_.fill(socket_.get(), false);
      while (const auto f = input_.next()) on_frame(*f);
      if (got != frame_source::input::some) return got;
    }
  }

  /// The worker reads the end of its input, and leaves.
  void close_output() noexcept;

 private:
  struct piece {
    byte_buffer own;
    std::span<const std::byte> borrowed;
    std::size_t sent = 0;
    std::size_t size() const noexcept { return own.size() + borrowed.size(); }
  };

  descriptor socket_;
  frame_source input_;
  std::deque<piece> output_;
  bool lost_output_ = false;
};

/// The worker's end: sends all of `bytes`. False: the program is gone.
bool send_all(int fd, std::span<const std::byte> bytes) noexcept;

}  // namespace fanout::detail
