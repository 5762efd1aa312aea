// SPDX-License-Identifier: Apache-2.0
// Slabs: memory for large values. Its owner, the program or a worker, encodes into it, and the other side decodes where
// it lies: one copy in, one out. New pages cost ten times what a copy into old ones does, so slabs are used again.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <span>
#include <vector>

#include "descriptor.hpp"
#include "fanout/detail/slab_memory.hpp"

namespace fanout::detail {

/// A slab that is larger is used once, and mapped by the other side only while that reads it.
inline constexpr std::size_t largest_kept_slab = std::size_t{20} << 20;

/// So many slabs are kept for the next message at most, and so many the other side leaves mapped.
inline constexpr std::size_t most_kept_slabs = 4;

/// What may be kept by a program that has pools, and by a worker, in bytes.
inline constexpr std::size_t kept_by_program = std::size_t{64} << 20, kept_by_worker = largest_kept_slab;

/// Where bytes lie, for who can be sent the descriptor.
struct slab_place {
  std::uint64_t slab = 0;  ///< its number: this process never uses it again
  std::uint64_t offset = 0;
  int file = -1;  ///< stays open as long as the buffer lives
  bool is_kept = false;
};

/// The slabs of this process. Any thread.
///
///           take                       give_back
///   new ─────────▶ in use, by a buffer ──────────▶ kept ──take──▶ in use …
///                    │ ▲                   │         │
///                    └─┘ grow: a new       └─────────┴──▶ gone: it is too large, or enough are kept. Its pages are
///                    freed,
///                        number                          whoever has mapped them
///
/// A buffer lives as long as anybody may read it: the work that was encoded into it is retained by each run of it until
/// the worker has answered that or died; and a worker waits until its result was taken. But a worker whose nanny died
/// may live for a moment longer than is known: what it was sent is retired: not used again, its pages left as they are.
class slab_store {
 public:
  /// A fork of this process gets one of its own. Throws std::bad_alloc.
  static slab_store& get();
  explicit slab_store(const slab_store* before);
  bool is_of_this_process() const noexcept;

  slab_memory take(std::size_t capacity) noexcept;
  slab_memory grow(const slab_memory& slab, std::size_t used, std::size_t capacity) noexcept;
  void give_back(const std::byte* data) noexcept;

  /// Nothing: they are not in a slab.
  std::optional<slab_place> find(std::span<const std::byte> bytes) noexcept;
  void retire(std::uint64_t slab) noexcept;

  /// So many bytes more may be kept, or fewer; none to begin with.
  void keep_more(std::size_t bytes) noexcept;
  void keep_less(std::size_t bytes) noexcept;

 private:
  struct slab {
    slab() noexcept = default;
    slab(slab&& other) noexcept { swap(other); }
    slab& operator=(slab&& other) noexcept {
      slab(std::move(other)).swap(*this);
      return *this;
    }
    ~slab();
    void swap(slab& other) noexcept;
    bool reach(std::size_t wanted) noexcept;
    slab_memory memory() const noexcept { return {data, capacity}; }

    std::uint64_t number = 0;
    descriptor file;
    std::byte* data = nullptr;
    std::size_t capacity = 0;
    bool is_used = false, is_retired = false;
  };

  slab remove(slab& s) noexcept;
  slab take_out(slab& s) noexcept;
  slab_memory put_back(slab&& s, bool has_grown) noexcept;
  slab* smallest_kept(std::size_t capacity) noexcept;
  slab* largest_kept() noexcept;
  slab* used_at(const std::byte* data) noexcept;
  slab* superfluous() noexcept;
  void drop_superfluous() noexcept;

  [[maybe_unused]] const slab_store* const before_;  // this process is a fork of whose it is: else it would seem leaked
  const pid_t process_;

  std::mutex mutex_;         // guards the next ones
  std::vector<slab> all_;    // room for most_slabs; those that are kept in the order in which they came to be
  std::size_t growing_ = 0;  // how many are taken out meanwhile: it takes a while, and needs no lock
  std::uint64_t last_number_ = 0;
  std::size_t may_keep_ = 0;
};

/// As long as this lives, so many bytes more may be kept.
class kept_slabs {
 public:
  explicit kept_slabs(std::size_t bytes) : bytes_(bytes) { slab_store::get().keep_more(bytes_); }
  kept_slabs(const kept_slabs&) = delete;
  kept_slabs& operator=(const kept_slabs&) = delete;
  ~kept_slabs() { slab_store::get().keep_less(bytes_); }

 private:
  const std::size_t bytes_;
};

}  // namespace fanout::detail
