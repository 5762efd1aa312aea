// SPDX-License-Identifier: Apache-2.0
#include "shared_memory.hpp"

#include <fcntl.h>
#include <sys/mman.h>

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
