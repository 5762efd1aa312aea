// SPDX-License-Identifier: Apache-2.0
// Both ends of what a program and a worker have to say to each other: frames through the rings of their memory, and who
// wakes whom. While both are busy there are no system calls.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <vector>

#include "block_exchange.hpp"
#include "core/look_habit.hpp"
#include "descriptor.hpp"
#include "fanout/detail/byte_buffer.hpp"
#include "frames.hpp"
#include "slab_exchange.hpp"
#include "worker_memory.hpp"

namespace fanout::detail {

/// The program's end. Nothing here blocks. Only the turns of the supervisor use it.
class channel {
 public:
  /// The socket is for slabs' descriptors. Throws std::system_error.
  channel(const descriptor& memory, const descriptor& socket);

  worker_page& page() const noexcept { return memory_.page(); }

  /// Sends a frame; its body is `own`, then `borrowed`, which must stay where it is until the frame is sent: until
  /// pending() is false, or drop_output(). If that lies in a slab it must stay until the worker has read it, and the
  /// slab's number is returned; else 0.
  std::uint64_t send(frame_header header, std::span<const std::byte> own, const outgoing_message& borrowed = {});
  /// The worker cannot map them.
  void send_no_slabs() noexcept { sends_slabs_ = false; }
  /// Sends what there was no room for before. False: there still is none for all.
  bool flush();
  bool pending() const noexcept { return !waiting_.empty(); }
  /// Forgets what was not sent.
  void drop_output() noexcept { waiting_.clear(); }

  /// Calls `on_frame(frame)` for each frame that has come, for as long as that returns true. Throws std::bad_alloc.
  template <class F>
  void receive(F&& on_frame) {
    while (has_input()) {
      auto f = input_.next();
      if (f && complete(*f) && !on_frame(*f)) break;
    }
    slabs_.release();
    blocks_.clear();
    input_.release();
    if (input_.gave_room()) wake_worker(awaited_by_worker::room);
  }
  /// The worker has overwritten its memory, or speaks of slabs or blocks that are none.
  bool corrupt() const noexcept { return input_.corrupt() || slabs_are_nonsense_; }

  bool has_input() const noexcept { return input_.has_news() && !slabs_are_nonsense_; }
  bool has_room_for_pending() noexcept { return !waiting_.empty() && output_.has_room_for(waiting_.front().what); }

 private:
  struct piece {
    byte_buffer own;
    frame_sink::outgoing what;
  };

  void put(const frame_header& header, std::span<const std::byte> own, std::span<const std::byte> borrowed);
  bool complete(frame& f);
  /// If it sleeps until this.
  void wake_worker(awaited_by_worker event) noexcept;

  const int socket_;
  worker_memory memory_;
  frame_source input_;
  frame_sink output_;
  slab_sender own_slabs_;
  slab_receiver slabs_;
  std::vector<arrived_block> blocks_;  // of the frame that is looked at
  bool sends_slabs_ = true;
  bool slabs_are_nonsense_ = false;  // or blocks
  std::deque<piece> waiting_;        // in their order, after what is in the ring
};

/// What a worker got with its welcome.
struct worker_surroundings {
  welcome greeting;
  descriptor memory, program_page, leader_bell, doorbell;
};

/// The worker's end. Blocks; used by the worker's own thread.
class worker_channel {
 public:
  /// The socket is for slabs' descriptors. Throws std::system_error.
  worker_channel(worker_surroundings all, const descriptor& socket);

  worker_page& page() const noexcept { return memory_.page(); }

  /// Waits for the next frame. Throws std::bad_alloc; std::runtime_error if what comes makes no sense.
  frame next();
  /// Sends a frame. `wakes`: the program should look at it now; else when it looks anyway. If the body lies in a slab,
  /// waits until the program has read it.
  void send(frame_header header, const outgoing_message& message, bool wakes);

 private:
  template <class Condition>
  bool look_for(const Condition& there) noexcept;
  template <class Condition>
  bool sleep_until(awaited_by_worker event, const Condition& there, const timespec* limit = nullptr) noexcept;
  void wait_for_input() noexcept;
  bool complete(frame& f);
  void keep_blocks();
  void put(const frame_header& header, std::span<const std::byte> body, bool wakes);
  bool put_in_slab(const frame_header& header, std::span<const std::byte> body);
  void ring() noexcept;
  void tell_of_room() noexcept;

  const int socket_;
  worker_memory memory_;
  mapping program_page_, leader_bell_;
  descriptor doorbell_;
  frame_source input_;
  frame_sink output_;
  slab_sender own_slabs_;
  slab_receiver slabs_;
  std::vector<arrived_block> blocks_;  // of the frame that next() has returned
  recent_blocks recent_blocks_;
  look_habit habit_;
  std::uint64_t rung_for_ = 0;  // the program's sleep for which the bell was rung
};

}  // namespace fanout::detail
