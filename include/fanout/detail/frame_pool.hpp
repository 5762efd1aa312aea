// SPDX-License-Identifier: Apache-2.0
// Where coroutine frames and the blocks behind futures come from: a list of free blocks for each size, in each thread.
// What is behind the lists is in src/core/frame_pool.hpp.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <new>
#include <utility>

#include "fanout/detail/compiler.hpp"

namespace fanout::detail {

namespace frame_pool {

/// Blocks are multiples of this, and larger ones than that come from operator new.
inline constexpr std::size_t granularity = __STDCPP_DEFAULT_NEW_ALIGNMENT__;
inline constexpr std::size_t largest = 1024;

struct block {
  block* next;
};

/// A thread's free blocks of one size.
struct bin {
  block* first = nullptr;
  std::atomic<std::uint32_t> room =
      0;  // for so many more; written by the thread alone, hence load and store; read by live()
  std::uint32_t limit = 0;

  bool full() const noexcept { return room.load(std::memory_order_relaxed) == 0; }
  std::uint32_t count() const noexcept { return limit - room.load(std::memory_order_relaxed); }
  void add_room(std::int32_t change) noexcept {
    room.store(room.load(std::memory_order_relaxed) + static_cast<std::uint32_t>(change), std::memory_order_relaxed);
  }
  void push(block* b) noexcept {
    b->next = std::exchange(first, b);
    add_room(-1);
  }
  block* pop() noexcept {
    add_room(1);
    return std::exchange(first, first->next);
  }
};

struct cache {
  static constexpr std::size_t classes = largest / granularity;
  static constexpr std::size_t class_of(std::size_t size) noexcept {
    return (size + granularity - 1) / granularity - 1;
  }

  std::array<bin, classes> bins;
};

// Null before the thread's first block and after its last: then every block comes from the depot and goes there.
// Initial-exec makes it one load; 8 bytes always fit, also into a module that is loaded late. (Clang 17 and later read
// a thread_local anew after a coroutine was suspended; those before are refused.)
[[gnu::tls_model("initial-exec")]] extern constinit thread_local cache* this_cache;

// The uncommon paths.
FANOUT_UNCOMMON void* allocate_slowly(std::size_t size);
FANOUT_UNCOMMON void free_slowly(void* memory, std::size_t size) noexcept;

inline void* allocate(std::size_t size) {
  cache* const own = this_cache;
  if (size > largest || own == nullptr) [[unlikely]]
    return allocate_slowly(size);
  bin& b = own->bins[cache::class_of(size)];
  if (b.first == nullptr) [[unlikely]]
    return allocate_slowly(size);
  return b.pop();
}

inline void free(void* memory, std::size_t size) noexcept {
  cache* const own = this_cache;
  if (size > largest || own == nullptr) [[unlikely]]
    return free_slowly(memory, size);
  bin& b = own->bins[cache::class_of(size)];
  if (b.full()) [[unlikely]]
    return free_slowly(memory, size);
  b.push(static_cast<block*>(memory));
}

/// Blocks allocated and not yet freed.
std::int64_t live() noexcept;

/// Past the pool, but counted all the same.
void* allocate_apart(std::size_t size);
void free_apart(void* memory, std::size_t size) noexcept;

}  // namespace frame_pool

// Sanitizers see every use of a frame that is gone if each comes from operator new.
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define FANOUT_FRAMES_APART 1
#endif
#elif defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define FANOUT_FRAMES_APART 1
#endif

/// `size` bytes, aligned as by operator new. Throws std::bad_alloc.
inline void* allocate_frame(std::size_t size) {
#ifdef FANOUT_FRAMES_APART
  return frame_pool::allocate_apart(size);
#else
  return frame_pool::allocate(size);
#endif
}

/// From any thread; `size` as it was allocated.
inline void free_frame(void* frame, std::size_t size) noexcept {
#ifdef FANOUT_FRAMES_APART
  frame_pool::free_apart(frame, size);
#else
  frame_pool::free(frame, size);
#endif
}

/// How many are allocated and not yet freed, in all threads. Exact while no other thread allocates or frees.
inline std::int64_t live_frames() noexcept { return frame_pool::live(); }

/// To derive from: frames of coroutines with this promise come from the pool.
struct pooled_frame {
  static void* operator new(std::size_t size) { return allocate_frame(size); }
  static void operator delete(void* memory, std::size_t size) noexcept { free_frame(memory, size); }
};

/// To derive from: objects of the class come from the pool, unless they ask for more alignment than it has.
struct pooled : pooled_frame {
  using pooled_frame::operator new, pooled_frame::operator delete;
  static void* operator new(std::size_t size, std::align_val_t alignment) { return ::operator new(size, alignment); }
  static void operator delete(void* memory, std::size_t size, std::align_val_t alignment) noexcept {
    ::operator delete(memory, size, alignment);
  }
};

}  // namespace fanout::detail
