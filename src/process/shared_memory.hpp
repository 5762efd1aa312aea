// SPDX-License-Identifier: Apache-2.0
// Memory that two processes have in common: without a name, so that nothing is left to remove, and of a fixed size.
#pragma once

#include <cstddef>
#include <utility>

#include "descriptor.hpp"

namespace fanout::detail {

enum class mapped_for { reading, writing, writing_a_copy };

/// A range of addresses with memory mapped into it.
class mapping {
 public:
  mapping() noexcept = default;
  mapping(mapping&& other) noexcept
      : address_(std::exchange(other.address_, nullptr)), size_(std::exchange(other.size_, 0)) {}
  mapping& operator=(mapping&& other) noexcept {
    mapping(std::move(other)).swap(*this);
    return *this;
  }
  ~mapping();

  void swap(mapping& other) noexcept {
    std::swap(address_, other.address_);
    std::swap(size_, other.size_);
  }
  std::byte* data() const noexcept { return address_; }
  std::size_t size() const noexcept { return size_; }

 private:
  friend class mapping_plan;
  friend mapping map_file(const descriptor&, std::size_t, mapped_for);
  friend mapping map_anonymous(std::size_t);
  mapping(void* address, std::size_t size) noexcept : address_(static_cast<std::byte*>(address)), size_(size) {}

  std::byte* address_ = nullptr;
  std::size_t size_ = 0;
};

/// Pieces of a file, one after another. All sizes and offsets are whole pages. Forks of this process do not inherit
/// them.
class mapping_plan {
 public:
  /// Reserves the addresses. Throws std::system_error, as the others do.
  explicit mapping_plan(std::size_t size);
  void map(const descriptor& file, std::size_t offset, std::size_t size, bool writable);
  mapping done() noexcept { return std::move(area_); }

 private:
  mapping area_;
  std::size_t used_ = 0;
};

/// One piece of a file, from its beginning, as a plan does.
mapping map_shared(const descriptor& file, std::size_t size, bool writable);

/// A file from its beginning, and memory without one. Forks of this process inherit them. Throw std::system_error.
mapping map_file(const descriptor& file, std::size_t size, mapped_for what);
mapping map_anonymous(std::size_t size);

std::size_t whole_pages(std::size_t size) noexcept;

/// Of a memfd, all from `begin` to `end`, so that a lack of memory shows here, and not when it is written. False: there
/// is none.
bool allocate(const descriptor& file, std::size_t begin, std::size_t end) noexcept;

/// A memfd of that size, sealed so that neither side can shrink it under the other. The kernel reserves it all at once:
/// a lack of memory is a std::system_error here, not a SIGBUS later.
descriptor make_shared_memory(const char* name, std::size_t size);
/// From now on it can be mapped for reading alone; what is mapped for writing stays so.
void forbid_further_writing(const descriptor& memory);

}  // namespace fanout::detail
