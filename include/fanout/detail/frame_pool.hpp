// SPDX-License-Identifier: Apache-2.0
// Where coroutine frames and the blocks behind futures come from.
#pragma once

#include <cstddef>
#include <cstdint>
#include <new>

namespace fanout::detail {

/// `size` bytes, aligned as by operator new. Throws std::bad_alloc. Out of line: see this_thread.hpp.
void* allocate_frame(std::size_t size);

/// From any thread; `size` as it was allocated.
void free_frame(void* frame, std::size_t size) noexcept;

/// How many are allocated and not yet freed, in all threads. Exact while no other thread allocates or frees.
std::int64_t live_frames() noexcept;

/// To derive from: objects of the class come from the pool, unless they ask for more alignment than it has.
struct pooled {
  static void* operator new(std::size_t size) { return allocate_frame(size); }
  static void operator delete(void* memory, std::size_t size) noexcept { free_frame(memory, size); }
  static void* operator new(std::size_t size, std::align_val_t alignment) { return ::operator new(size, alignment); }
  static void operator delete(void* memory, std::size_t size, std::align_val_t alignment) noexcept {
    ::operator delete(memory, size, alignment);
  }
};

}  // namespace fanout::detail
