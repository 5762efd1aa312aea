// SPDX-License-Identifier: Apache-2.0
#include "shared_memory.hpp"

#include <fcntl.h>
#include <sys/mman.h>

#include <algorithm>

namespace fanout::detail {

mapping::~mapping() {
  if (address_ != nullptr) ::munmap(address_, size_);
}

mapping_plan::mapping_plan(std::size_t size) {
  void* const area = ::mmap(nullptr, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (area == MAP_FAILED) throw std::system_error(errno, std::generic_category(), "mmap");
  area_ = mapping(area, size);
}

void mapping_plan::map(const descriptor& file, std::size_t offset, std::size_t size, bool writable) {
  void* const at = area_.data() + used_;
  if (::mmap(at, size, writable ? PROT_READ | PROT_WRITE : PROT_READ, MAP_SHARED | MAP_FIXED, file.get(),
             static_cast<off_t>(offset)) == MAP_FAILED)
    throw std::system_error(errno, std::generic_category(), "mmap of shared memory");
  ::madvise(at, size, MADV_DONTFORK);
  used_ += size;
}

namespace {

void* checked_address(void* address) {
  if (address == MAP_FAILED) throw std::system_error(errno, std::generic_category(), "mmap");
  return address;
}

}  // namespace

mapping map_shared(const descriptor& file, std::size_t size, bool writable) {
  mapping_plan plan(whole_pages(size));
  plan.map(file, 0, whole_pages(size), writable);
  return plan.done();
}

mapping map_file(const descriptor& file, std::size_t size, mapped_for what) {
  const int protection = what == mapped_for::reading ? PROT_READ : PROT_READ | PROT_WRITE;
  const int kind = what == mapped_for::writing_a_copy ? MAP_PRIVATE | MAP_NORESERVE : MAP_SHARED;
  return {checked_address(::mmap(nullptr, size, protection, kind, file.get(), 0)), size};
}

mapping map_anonymous(std::size_t size) {
  return {checked_address(::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)), size};
}

/// In steps: each begins anew if a signal comes.
bool allocate(const descriptor& file, std::size_t begin, std::size_t end) noexcept {
  constexpr std::size_t step = std::size_t{1} << 20;
  while (begin < end) {
    const std::size_t size = std::min(step, end - begin);
    if (::fallocate(file.get(), 0, static_cast<off_t>(begin), static_cast<off_t>(size)) == 0) {
      begin += size;
    } else if (errno != EINTR) {
      return false;
    }
  }
  return true;
}

std::size_t whole_pages(std::size_t size) noexcept {
  const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  return (size + page - 1) / page * page;
}

descriptor make_shared_memory(const char* name, std::size_t size) {
  descriptor memory(checked(::memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING), "memfd_create"));
  checked(::ftruncate(memory.get(), static_cast<off_t>(size)), "ftruncate of shared memory");
  checked(::fcntl(memory.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW), "sealing of shared memory");
  return memory;
}

void forbid_further_writing(const descriptor& memory) {
  checked(::fcntl(memory.get(), F_ADD_SEALS, F_SEAL_FUTURE_WRITE), "sealing of shared memory");
}

}  // namespace fanout::detail
