// SPDX-License-Identifier: Apache-2.0
#include "memory_block.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <new>
#include <system_error>
#include <utility>

#include "own_process.hpp"
#include "resource_limits.hpp"

namespace fanout::detail {

namespace {

std::atomic<std::uint64_t> last_number = 0;  // alone: only hands out numbers
std::atomic<block_table*> the_table = nullptr;

/// More than that there can never be: to try would only drive others out of memory.
bool is_more_than_all_memory(std::size_t size) noexcept {
  struct sysinfo all{};
  if (::sysinfo(&all) != 0) return false;
  return size / all.mem_unit > all.totalram + all.totalswap;
}

/// All of it is taken, and nobody can change its size. None: it must be memory of another kind. Throws std::bad_alloc.
descriptor make_file(std::size_t size) {
  if (size > limit_of(RLIMIT_FSIZE)) return {};  // it would be a signal, SIGXFSZ
  descriptor file(::memfd_create("fanout-array", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!file) return {};
  if (!allocate(file, 0, size)) throw std::bad_alloc();
  if (::fcntl(file.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW) != 0) return {};
  return file;
}

file_identity identity_of(const struct stat& about) noexcept { return {about.st_dev, about.st_ino}; }

struct stat look_at(const descriptor& file) {
  struct stat about{};
  checked(::fstat(file.get(), &about), "fstat");
  return about;
}

}  // namespace

void block_ptr::retain(memory_block& block) noexcept { block.retain(); }
void block_ptr::release(memory_block& block) noexcept { block.release(); }

// --- one

memory_block::memory_block(kind k, std::size_t size)
    : kind_(k), process_(own_pid()), number_(last_number.fetch_add(1, std::memory_order_relaxed) + 1), size_(size) {}

memory_block::~memory_block() {
  if (process_ != own_pid()) file_.leave_open();  // what has that number there may be another's
}

int memory_block::file() const noexcept { return kind_ != kind::copied && process_ == own_pid() ? file_.get() : -1; }

void memory_block::release() noexcept {
  if (references_.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
  if (identity_.number != 0 && process_ == own_pid()) block_table::get().remove(*this);
  delete this;
}

/// False: the last one has let go of it, and removes it just now.
bool memory_block::retain_if_alive() noexcept {
  std::size_t now = references_.load(std::memory_order_relaxed);
  while (now != 0 && !references_.compare_exchange_weak(now, now + 1, std::memory_order_acquire)) {
  }
  return now != 0;
}

block_ptr memory_block::make(std::size_t size) {
  if (is_more_than_all_memory(size)) throw std::bad_alloc();
  auto& table = block_table::get();
  block_ptr made(new memory_block(kind::made, size));
  descriptor file = table.has_room() ? make_file(size) : descriptor();
  try {
    made->memory_ = file ? map_file(file, size, mapped_for::writing) : map_anonymous(size);
    if (!file) return made;
    forbid_further_writing(file);
    made->identity_ = identity_of(look_at(file));
  } catch (const std::system_error&) {
    throw std::bad_alloc();
  }
  made->file_ = std::move(file);
  table.add(*made);
  return made;
}

block_ptr memory_block::receive(descriptor file) {
  const int seals = ::fcntl(file.get(), F_GET_SEALS);
  if (seals < 0 || (seals & F_SEAL_SHRINK) == 0)
    throw std::system_error(EBADF, std::generic_category(), "it is no memory that stays as it is");
  const struct stat about = look_at(file);
  auto& table = block_table::get();
  if (block_ptr known = table.find(identity_of(about))) return known;
  block_ptr received(new memory_block(kind::received, static_cast<std::size_t>(about.st_size)));
  received->memory_ = map_file(file, received->size_, mapped_for::reading);
  received->identity_ = identity_of(about);
  if (table.has_room()) received->file_ = std::move(file);
  table.add(*received);
  return received;
}

block_ptr memory_block::writable(const block_ptr& block) {
  if (block->is_writable()) return block;
  block_ptr copy(new memory_block(kind::copied, block->size_));
  const bool has_file = block->file() >= 0;
  try {
    copy->memory_ =
        has_file ? map_file(block->file_, block->size_, mapped_for::writing_a_copy) : map_anonymous(block->size_);
  } catch (const std::system_error&) {
    throw std::bad_alloc();
  }
  if (!has_file) std::memcpy(copy->data(), block->data(), block->size_);
  copy->original_ = block;
  return copy;
}

// --- all

block_table::block_table(const block_table* before) : before_(before), process_(own_pid()) {}

bool block_table::is_of_this_process() const noexcept { return process_ == own_pid(); }

block_table& block_table::get() { return of_this_process(the_table); }

bool block_table::has_room() noexcept {
  const std::lock_guard lock(mutex_);
  return open_ < limit_of(RLIMIT_NOFILE) / 2;
}

void block_table::add(memory_block& block) {
  const std::lock_guard lock(mutex_);
  all_[block.identity_] = &block;
  if (block.file_) ++open_;
}

/// Another may be there in its place: received again when the last one had let go of this.
void block_table::remove(const memory_block& block) noexcept {
  const std::lock_guard lock(mutex_);
  const auto found = all_.find(block.identity_);
  if (found != all_.end() && found->second == &block) all_.erase(found);
  if (block.file_) --open_;
}

block_ptr block_table::find(const file_identity& identity) noexcept {
  const std::lock_guard lock(mutex_);
  const auto found = all_.find(identity);
  return found != all_.end() && found->second->retain_if_alive() ? block_ptr(found->second) : block_ptr();
}

}  // namespace fanout::detail
