// SPDX-License-Identifier: Apache-2.0
// What a process pool knows of a task or a map without knowing its types: where its code is, its encoded inputs, and
// whom to tell about each item's end.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <limits>
#include <memory>
#include <utility>
#include <vector>

#include "fanout/detail/future_state.hpp"
#include "fanout/detail/memory_block.hpp"
#include "fanout/duration.hpp"

namespace fanout::detail {

/// Code as it is found in any process that has the same build of its module: never an address.
struct code_location {
  static constexpr std::uint32_t nowhere = static_cast<std::uint32_t>(-1);
  std::uint32_t module = nowhere;  ///< index into this process's table of modules
  std::uint32_t reserved = 0;
  std::uint64_t offset = 0;  ///< from the module's load address
};

/// Where `address` is. Throws not_importable if it is in no module, or in one without a build-id. Any thread.
code_location locate_code(const void* address);

/// What a worker calls: which function of ours, and which function pointer of the user's it is about, if any.
struct call_target {
  code_location thunk;
  code_location function;
  bool takes_token = false;  ///< it can be asked to stop
};

/// What an item may take before its worker is killed, and how often it is run again if its worker died.
struct work_limits {
  duration timeout{};  ///< 0: the pool's
  unsigned retries = 0;
};

/// Counted; a pool holds one reference for each range of items that it has queued or running. The functions are called
/// in turns of the supervisor.
class remote_work {
 public:
  explicit remote_work(const call_target& target, const work_limits& limits = {}) noexcept
      : target_(target), limits_(limits) {}
  remote_work(const remote_work&) = delete;
  remote_work& operator=(const remote_work&) = delete;

  const call_target& target() const noexcept { return target_; }
  const work_limits& limits() const noexcept { return limits_; }
  /// Items handed to a worker at a time; 0: chosen by how long they take. Set by enqueue().
  std::size_t chunk() const noexcept { return chunk_; }
  void set_chunk(std::size_t chunk) noexcept {
    chunk_ = static_cast<std::uint32_t>(std::min<std::size_t>(chunk, std::numeric_limits<std::uint32_t>::max()));
  }
  /// How often a worker died while it ran this item. Counts one more.
  unsigned count_death(std::size_t item);
  /// How often a worker that was sent this item next died before it began it. Counts one more.
  unsigned count_false_start(std::size_t item);

  /// Asked before items are handed to a worker, again if that one died before it began them. False: it was cancelled,
  /// and is over.
  virtual bool begin() noexcept { return true; }
  /// The inputs of these items: for each its length as std::uint64_t, then its bytes. Stays valid with this object.
  virtual outgoing_message encoded(std::size_t first, std::size_t count) const noexcept = 0;
  /// Once for each item, one of the two.
  virtual void succeeded(std::size_t item, const incoming_message& value) noexcept = 0;
  virtual void failed(std::size_t item, std::exception_ptr error) noexcept = 0;
  /// So many items in a row took so long each.
  virtual void took(std::size_t, duration) noexcept {}
  /// For messages: "task 37 of map" or "its task"; and which of the map's inputs an item is that has not ended.
  virtual bool is_map() const noexcept = 0;
  virtual std::size_t number_of(std::size_t item) const noexcept { return item; }

  virtual void retain() noexcept = 0;
  virtual void drop() noexcept = 0;

 protected:
  ~remote_work() = default;

 private:
  using counts = std::vector<std::pair<std::size_t, unsigned>>;  // by item
  struct mishaps {
    counts deaths, false_starts;
  };
  unsigned count_one_more(counts mishaps::* which, std::size_t item);

  // A million may be pending: in this order they leave no holes.
  [[no_unique_address]] const call_target target_;
  std::uint32_t chunk_ = 0;
  [[no_unique_address]] const work_limits limits_;

 protected:
  bool begun_ = false;  // of a task, the turns': it was not cancelled before

 private:
  std::unique_ptr<mishaps> mishaps_;  // most often there are none
};

/// The pool's side that no template needs to see. It outlives the process_pool while futures may still cancel by it.
class pool_core;

/// Queues items 0 … count-1. Takes over one reference, also when it throws: pool_closed, fanout::error in a fork of the
/// program. `chunk` items go to a worker at a time; 0: chosen by their duration. Any thread. It may take a turn, in
/// which anything may be told of its end.
void enqueue(pool_core& pool, remote_work& work, std::size_t count, std::size_t chunk);
/// The same, without taking a turn: for who holds a lock that such an end needs.
void enqueue_for_next_turn(pool_core& pool, remote_work& work, std::size_t count, std::size_t chunk);

/// Of what was sent ahead to workers and has not begun, what is not to begin any more is taken back. Any thread.
void take_back_dropped(pool_core& pool) noexcept;

/// Who sees to the pool's results; null once the pool is gone. Throws fanout::error in a fork of the program. Any
/// thread.
std::shared_ptr<outside> results_of(pool_core& pool);

/// Of a task that was handed out: if it has not begun it ends with `cancelled`; if it runs it is asked to stop, should
/// it take a token, or its worker is killed, if the mode is that. False: it has ended, or cannot be asked. Any thread.
bool cancel_handed_out(pool_core& pool, remote_work& work, cancel_mode mode) noexcept;

}  // namespace fanout::detail
