// SPDX-License-Identifier: Apache-2.0
// Blocks: the memory of shared_buffers. Who makes one maps its memfd for writing, and seals it so that nobody else can,
// nor change its size; who gets its descriptor maps it for reading. The kernel frees it when the last descriptor and
// the last mapping are gone, however their processes ended.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>

#include "descriptor.hpp"
#include "fanout/detail/memory_block.hpp"
#include "shared_memory.hpp"

namespace fanout::detail {

/// Which memfd it is, in this system, as long as anybody has it.
struct file_identity {
  dev_t device = 0;
  ino_t number = 0;
  auto operator<=>(const file_identity&) const = default;
};

/// Counted; any thread. Its descriptor is of the process in which it came to be, and means nothing in forks of that.
///
///   made ───────── its descriptor is sent ─────────▶ received, there ── writable() ──▶ copied, there
///   (no descriptor: it is nobody else's)             (no descriptor: it was mapped, and can be read)
class memory_block {
 public:
  enum class kind {
    made,      ///< here: writable
    received,  ///< to be read
    copied     ///< of a received one, as far as it was written to since: nobody else has it
  };

  /// Zeros. Throws std::bad_alloc.
  static block_ptr make(std::size_t size);
  /// The one behind that descriptor: if this process has it already, that. Throws std::system_error.
  static block_ptr receive(descriptor file);
  /// Itself, or a copy. Throws std::bad_alloc.
  static block_ptr writable(const block_ptr& block);

  ~memory_block();
  memory_block(const memory_block&) = delete;
  memory_block& operator=(const memory_block&) = delete;

  std::byte* data() const noexcept { return memory_.data(); }
  std::size_t size() const noexcept { return size_; }
  bool is_writable() const noexcept { return kind_ != kind::received; }
  /// Never used again by this process.
  std::uint64_t number() const noexcept { return number_; }
  /// To be sent; negative: it cannot be.
  int file() const noexcept;

  void retain() noexcept { references_.fetch_add(1, std::memory_order_relaxed); }
  void release() noexcept;

 private:
  friend class block_table;

  memory_block(kind k, std::size_t size);
  void map(bool is_writable);
  bool retain_if_alive() noexcept;

  const kind kind_;
  const pid_t process_;
  const std::uint64_t number_;
  const std::size_t size_;
  std::atomic<std::size_t> references_ = 1;
  descriptor file_;  // none: it travels by value
  file_identity identity_;
  mapping memory_;
  block_ptr original_;  // of a copy: what was read before it was made stays where it is
};

/// The blocks of this process that have a memfd, so that one that comes (again, or back) is found.
class block_table {
 public:
  /// A fork of this process gets one of its own. Throws std::bad_alloc.
  static block_table& get();
  explicit block_table(const block_table* before);
  bool is_of_this_process() const noexcept;

  /// May one more descriptor be kept open? The others are for the program.
  bool has_room() noexcept;
  /// Throws std::bad_alloc.
  void add(memory_block& block);
  void remove(const memory_block& block) noexcept;
  /// Null: there is none.
  block_ptr find(const file_identity& identity) noexcept;

 private:
  [[maybe_unused]] const block_table* const
      before_;  // this process is a fork of whose it is: else it would seem leaked
  const pid_t process_;
  std::mutex mutex_;  // guards the next ones
  std::map<file_identity, memory_block*> all_;
  std::size_t open_ = 0;
};

}  // namespace fanout::detail
