// SPDX-License-Identifier: Apache-2.0
#include "slab.hpp"

#include <fcntl.h>
#include <sys/mman.h>

#include <algorithm>
#include <atomic>
#include <bit>
#include <cerrno>
#include <cstring>
#include <utility>

#include "own_process.hpp"
#include "resource_limits.hpp"
#include "shared_memory.hpp"

namespace fanout::detail {

namespace {

/// Each has a descriptor, and some are to be left for others.
constexpr std::size_t most_slabs = 32;
constexpr rlim_t descriptors_per_slab = 16;

std::size_t most_slabs_now() noexcept {
  return static_cast<std::size_t>(std::min<rlim_t>(most_slabs, limit_of(RLIMIT_NOFILE) / descriptors_per_slab));
}

/// In steps of a quarter, so that one fits what is about as large as the last message was.
std::size_t rounded_up(std::size_t capacity) noexcept {
  const std::size_t step = std::bit_floor(std::max(capacity, least_in_slab)) / 4;
  return (capacity + step - 1) / step * step;
}

std::atomic<slab_store*> the_store = nullptr;

}  // namespace

// --- one

slab_store::slab::~slab() {
  if (data == nullptr) return;
  if (!is_retired) ::madvise(data, capacity, MADV_REMOVE);
  ::munmap(data, capacity);
}

void slab_store::slab::swap(slab& other) noexcept {
  std::swap(number, other.number);
  file.swap(other.file);
  std::swap(data, other.data);
  std::swap(capacity, other.capacity);
  std::swap(is_used, other.is_used);
  std::swap(is_retired, other.is_retired);
}

namespace {

/// Sealed so that it cannot shrink under who reads it.
descriptor make_file() noexcept {
  descriptor file(::memfd_create("fanout-slab", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  return file && ::fcntl(file.get(), F_ADD_SEALS, F_SEAL_SHRINK) == 0 ? std::move(file) : descriptor();
}

}  // namespace

/// False: the system does not give it; it is as it was, or not there.
bool slab_store::slab::reach(std::size_t wanted) noexcept {
  if (wanted > limit_of(RLIMIT_FSIZE)) return false;  // it would be a signal, SIGXFSZ
  if (!file) file = make_file();
  if (!file || !allocate(file, capacity, wanted)) return false;
  void* const at = data == nullptr ? ::mmap(nullptr, wanted, PROT_READ | PROT_WRITE, MAP_SHARED, file.get(), 0)
                                   : ::mremap(data, capacity, wanted, MREMAP_MAYMOVE);
  if (at == MAP_FAILED) return false;
  if (data == nullptr) ::madvise(at, wanted, MADV_DONTFORK);
  data = static_cast<std::byte*>(at);
  capacity = wanted;
  return true;
}

// --- all

slab_store::slab_store(const slab_store* before) : before_(before), process_(own_pid()) { all_.reserve(most_slabs); }

bool slab_store::is_of_this_process() const noexcept { return process_ == own_pid(); }

slab_store& slab_store::get() { return of_this_process(the_store); }

slab_store::slab* slab_store::smallest_kept(std::size_t capacity) noexcept {
  slab* found = nullptr;
  for (slab& s : all_) {
    if (!s.is_used && !s.is_retired && s.capacity >= capacity && (found == nullptr || s.capacity <= found->capacity))
      found = &s;
  }
  return found;
}

slab_store::slab* slab_store::largest_kept() noexcept {
  slab* found = nullptr;
  for (slab& s : all_) {
    if (!s.is_used && !s.is_retired && (found == nullptr || s.capacity > found->capacity)) found = &s;
  }
  return found;
}

slab_store::slab* slab_store::used_at(const std::byte* data) noexcept {
  const auto found = std::ranges::find_if(all_, [data](const slab& s) { return s.is_used && s.data == data; });
  return found != all_.end() ? &*found : nullptr;
}

slab_store::slab slab_store::remove(slab& s) noexcept {
  slab removed = std::move(s);
  all_.erase(all_.begin() + (&s - all_.data()));
  return removed;
}

/// To come back by put_back(): its place is kept.
slab_store::slab slab_store::take_out(slab& s) noexcept {
  ++growing_;
  return remove(s);
}

/// One that has grown has another number: who has mapped it has mapped less.
slab_memory slab_store::put_back(slab&& s, bool has_grown) noexcept {
  --growing_;
  if (s.data == nullptr) return {};  // it never came to be
  if (has_grown) s.number = ++last_number_;
  const slab& there = all_.emplace_back(std::move(s));
  return has_grown ? there.memory() : slab_memory();
}

slab_memory slab_store::take(std::size_t capacity) noexcept {
  slab taken;
  {
    const std::lock_guard lock(mutex_);
    if (slab* const kept = smallest_kept(capacity)) {
      kept->is_used = true;
      return kept->memory();
    }
    if (slab* const largest = largest_kept()) {
      taken = take_out(*largest);
    } else if (all_.size() + growing_ < most_slabs_now()) {
      ++growing_;
    } else {
      return {};
    }
  }
  taken.is_used = taken.reach(rounded_up(capacity));
  const std::lock_guard lock(mutex_);
  return put_back(std::move(taken), taken.is_used);
}

slab_memory slab_store::grow(const slab_memory& memory, std::size_t used, std::size_t capacity) noexcept {
  slab_memory larger;
  slab own;
  {
    const std::lock_guard lock(mutex_);
    if (slab* const kept = smallest_kept(capacity)) {
      kept->is_used = true;
      larger = kept->memory();
    } else if (slab* const found = used_at(memory.data)) {
      own = take_out(*found);
    } else {
      return {};
    }
  }
  if (larger) {
    std::memcpy(larger.data, memory.data, used);
    give_back(memory.data);
    return larger;
  }
  const bool has_grown = own.reach(rounded_up(capacity));
  const std::lock_guard lock(mutex_);
  return put_back(std::move(own), has_grown);
}

void slab_store::give_back(const std::byte* data) noexcept {
  {
    const std::lock_guard lock(mutex_);
    slab* const found = used_at(data);
    if (found == nullptr) return;
    found->is_used = false;
    std::rotate(found, found + 1, all_.data() + all_.size());
  }
  drop_superfluous();
}

slab_store::slab* slab_store::superfluous() noexcept {
  std::size_t count = 0, bytes = 0;
  slab* oldest = nullptr;
  for (slab& s : all_) {
    if (s.is_used) continue;
    if (s.is_retired || s.capacity > largest_kept_slab) return &s;
    if (oldest == nullptr) oldest = &s;
    ++count;
    bytes += s.capacity;
  }
  return count > most_kept_slabs || bytes > may_keep_ ? oldest : nullptr;
}

/// One after another, and none under the lock: to free the pages of a large one takes a while.
void slab_store::drop_superfluous() noexcept {
  for (;;) {
    slab dropped;
    const std::lock_guard lock(mutex_);
    slab* const found = superfluous();
    if (found == nullptr) return;
    dropped = remove(*found);
  }
}

std::optional<slab_place> slab_store::find(std::span<const std::byte> bytes) noexcept {
  const std::lock_guard lock(mutex_);
  for (const slab& s : all_) {
    if (!s.is_used || bytes.data() < s.data || bytes.data() + bytes.size() > s.data + s.capacity) continue;
    return slab_place{.slab = s.number,
                      .offset = static_cast<std::uint64_t>(bytes.data() - s.data),
                      .file = s.file.get(),
                      .is_kept = s.capacity <= largest_kept_slab};
  }
  return std::nullopt;
}

void slab_store::retire(std::uint64_t number) noexcept {
  const std::lock_guard lock(mutex_);
  const auto found = std::ranges::find(all_, number, &slab::number);
  if (found != all_.end()) found->is_retired = true;
}

void slab_store::keep_more(std::size_t bytes) noexcept {
  const std::lock_guard lock(mutex_);
  may_keep_ += bytes;
}

void slab_store::keep_less(std::size_t bytes) noexcept {
  {
    const std::lock_guard lock(mutex_);
    may_keep_ -= std::min(bytes, may_keep_);  // in a fork there are none
  }
  drop_superfluous();
}

// --- what the headers know of it

slab_memory take_slab(std::size_t capacity) noexcept {
  try {
    return slab_store::get().take(capacity);
  } catch (const std::bad_alloc&) {
    return {};
  }
}

slab_memory grow_slab(const slab_memory& slab, std::size_t used, std::size_t capacity) noexcept {
  try {
    return slab_store::get().grow(slab, used, capacity);
  } catch (const std::bad_alloc&) {
    return {};
  }
}

void give_slab_back(std::byte* data) noexcept {
  try {
    slab_store::get().give_back(data);
  } catch (const std::bad_alloc&) {  // in a fork, where there is none
  }
}

}  // namespace fanout::detail
