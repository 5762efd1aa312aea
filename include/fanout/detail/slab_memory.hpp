// SPDX-License-Identifier: Apache-2.0
// Memory for what is large and goes to another process, which reads it where it lies: slabs, see src/process/slab.hpp.
#pragma once

#include <cstddef>

namespace fanout::detail {

/// What is smaller goes through a ring.
inline constexpr std::size_t least_in_slab = std::size_t{256} << 10;

/// All of a slab, which has one user at a time.
struct slab_memory {
  std::byte* data = nullptr;
  std::size_t capacity = 0;

  explicit operator bool() const noexcept { return data != nullptr; }
};

// From any thread. Nothing: none can be had, so other memory has to do.
slab_memory take_slab(std::size_t capacity) noexcept;
/// With room for more; the first `used` bytes stay the same, their place may not. Nothing: it is as it was.
slab_memory grow_slab(const slab_memory& slab, std::size_t used, std::size_t capacity) noexcept;
/// Nobody reads it any more, in any process.
void give_slab_back(std::byte* data) noexcept;

}  // namespace fanout::detail
