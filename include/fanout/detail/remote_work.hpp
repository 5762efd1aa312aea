// SPDX-License-Identifier: Apache-2.0
// What a process pool knows of a task or a map without knowing its types: where its code is, its encoded inputs, and
// whom to tell about each item's end.
#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <span>

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
};

/// How a piece of work is divided among workers. For turns of the supervisor only.
struct work_pace {
  std::size_t chunk = 0;  ///< items handed to a worker at a time; 0: chosen by `item`
  duration item{};        ///< how long one takes, as seen so far
};

/// What each item of a piece of work is allowed.
struct work_limits {
  duration timeout{};    ///< to take so long; 0: as long as it takes
  unsigned retries = 0;  ///< to be run so many times more if its worker dies
};

/// Counted; a pool holds one reference for each range of items that it has queued or running. The functions are called
/// in turns of the supervisor.
class remote_work {
 public:
  explicit remote_work(const call_target& target, work_limits limits = {}) noexcept
      : target_(target), limits_(limits) {}
  remote_work(const remote_work&) = delete;
  remote_work& operator=(const remote_work&) = delete;

  const call_target& target() const noexcept { return target_; }
  const work_limits& limits() const noexcept { return limits_; }
  work_pace& pace() noexcept { return pace_; }

  /// Asked before items are handed to a worker, again if that one died before it began them. False: it was cancelled,
  /// and is over.
  virtual bool begin() noexcept { return true; }
  /// The inputs of these items: for each its length as std::uint64_t, then its bytes. Stays valid with this object.
  virtual std::span<const std::byte> encoded(std::size_t first, std::size_t count) const noexcept = 0;
  /// Once for each item, one of the two.
  virtual void succeeded(std::size_t item, std::span<const std::byte> value) noexcept = 0;
  virtual void failed(std::size_t item, std::exception_ptr error) noexcept = 0;
  /// For messages: "task 37 of map" or "its task"; and which of the map's inputs an item is that has not ended.
  virtual bool is_map() const noexcept = 0;
  virtual std::size_t number_of(std::size_t item) const noexcept { return item; }

  virtual void retain() noexcept = 0;
  virtual void drop() noexcept = 0;

 protected:
  ~remote_work() = default;

 private:
  const call_target target_;
  const work_limits limits_;
  work_pace pace_;
};

/// The pool's side that no template needs to see. It outlives the process_pool while futures may still cancel by it.
class pool_core;

/// Queues items 0 … count-1. Takes over one reference. `chunk` items go to a worker at a time; 0: chosen by their
/// duration. Any thread.
void enqueue(pool_core& pool, remote_work& work, std::size_t count, std::size_t chunk);

/// Kills the worker that runs this, if one still does; its task then ends with `cancelled`. Any thread.
void kill_running(pool_core& pool, remote_work& work) noexcept;

}  // namespace fanout::detail
