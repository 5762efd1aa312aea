// SPDX-License-Identifier: Apache-2.0
#include "core/frame_pool.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <new>
#include <utility>

#include "fanout/detail/frame_pool.hpp"

namespace fanout::detail::frame_pool {
namespace {

constexpr std::size_t classes = cache::classes;
constexpr std::size_t slab_bytes = std::size_t{2} << 20;  // a huge page

constexpr std::size_t block_bytes(std::size_t size_class) noexcept { return (size_class + 1) * granularity; }

/// Blocks linked by `next`, null at the end.
struct block_list {
  block* first = nullptr;
  std::uint32_t count = 0;
};

class depot;

/// At the beginning of its 2 MiB, by which its blocks find it. Guarded by the lock of the depot that owns it.
struct slab {
  slab* previous = nullptr;  // among the depot's slabs with room
  slab* next = nullptr;
  block* free = nullptr;
  char* untouched;  // from here to the end nothing was handed out: memory is touched only when it is needed
  std::uint32_t used = 0;
  const std::uint32_t size_class;
  depot* const owner;

  slab(std::size_t c, depot& d) noexcept
      : untouched(first_block()), size_class(static_cast<std::uint32_t>(c)), owner(&d) {}

  static slab& of(block* b) noexcept {
    return *reinterpret_cast<slab*>(reinterpret_cast<std::uintptr_t>(b) & ~(slab_bytes - 1));
  }
  char* first_block() noexcept {
    return reinterpret_cast<char*>(this) + (sizeof(slab) + granularity - 1) / granularity * granularity;
  }
  char* end() noexcept { return reinterpret_cast<char*>(this) + slab_bytes; }

  bool has_room() noexcept { return free != nullptr || untouched + block_bytes(size_class) <= end(); }
  block* take() noexcept {
    ++used;
    if (free != nullptr) return std::exchange(free, free->next);
    return reinterpret_cast<block*>(std::exchange(untouched, untouched + block_bytes(size_class)));
  }
  /// When all blocks are back, so that the next ones are handed out in the order of their addresses.
  void reset() noexcept {
    free = nullptr;
    untouched = first_block();
  }
};

/// Empty slabs, for any size class.
class spare_slabs {
 public:
  /// `huge`: back it by a huge page, where the system has them. Throws std::bad_alloc.
  slab& get(std::size_t size_class, depot& owner, bool huge) {
    void* memory = pop();
    if (memory == nullptr) memory = map(huge);
    return *new (memory) slab(size_class, owner);
  }

  void put(slab& s) noexcept {
    {
      const std::lock_guard lock(mutex_);
      if (count_ < spare_bytes / slab_bytes) {
        s.next = std::exchange(first_, &s);
        ++count_;
        return;
      }
    }
    munmap(&s, slab_bytes);
    mapped_.fetch_sub(slab_bytes, std::memory_order_relaxed);
  }

  std::size_t mapped() const noexcept { return mapped_.load(std::memory_order_relaxed); }

 private:
  void* pop() noexcept {
    const std::lock_guard lock(mutex_);
    if (first_ == nullptr) return nullptr;
    --count_;
    return std::exchange(first_, first_->next);
  }

  void* map(bool huge) {
    // Twice the size holds an aligned slab; the rest goes back.
    void* const area = mmap(nullptr, 2 * slab_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (area == MAP_FAILED) throw std::bad_alloc();
    const auto address = reinterpret_cast<std::uintptr_t>(area);
    const std::size_t before = (slab_bytes - address % slab_bytes) % slab_bytes;
    char* const aligned = static_cast<char*>(area) + before;
    if (before != 0) munmap(area, before);
    munmap(aligned + slab_bytes, slab_bytes - before);
    madvise(aligned, slab_bytes, huge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);  // a wish: whether it is granted is no matter
    mapped_.fetch_add(slab_bytes, std::memory_order_relaxed);
    return aligned;
  }

  std::mutex mutex_;
  slab* first_ = nullptr;
  std::size_t count_ = 0;
  std::atomic<std::size_t> mapped_ = 0;  // a statistic, alone
};

constinit spare_slabs spares;

/// The slabs of one size class, and a few lists on their way from threads that only free to threads that allocate:
/// these are handed on as they are. To take a list apart is to wait for each block to come from the other's cache, with
/// the lock held (a third of what a `post` took its caller).
class depot {
 public:
  /// At least one block, or std::bad_alloc. About `count` of them, or a list that came back. In the order of their
  /// addresses, where they come from a slab that was empty: a thread that makes many frames at once writes them one
  /// after another.
  block_list take(std::size_t size_class, std::uint32_t count) {
    block_list list;
    block** end = &list.first;
    const std::lock_guard lock(mutex_);
    if (lists_ != 0) {
      list = passing_[--lists_];
      used_ += list.count;
      return list;
    }
    for (; list.count < count && (with_room_ != nullptr || grow(size_class, list.count == 0)); ++list.count) {
      slab& s = *with_room_;
      *end = s.take();
      end = &(*end)->next;
      if (!s.has_room()) unlink(s);
    }
    *end = nullptr;
    used_ += list.count;
    return list;
  }

  /// Takes the first `count` of the blocks linked from `list` back into their slabs; returns the rest. What is being
  /// handed on goes back, too, so that a burst can go back to the system.
  block* give(block* list, std::uint32_t count) noexcept {
    block* others = nullptr;
    {
      const std::lock_guard lock(mutex_);
      for (; count > 0; --count) {
        block* const b = std::exchange(list, list->next);
        if (slab::of(b).owner == this) {
          --used_;
          put(*b);
        } else {
          b->next = std::exchange(others, b);
        }
      }
      while (lists_ != 0) put(passing_[--lists_]);
    }
    give_to_owners(others);
    return list;
  }

  /// Takes the first `count` of the blocks linked from `list`, and hands them on as a list; returns the rest.
  block* pass_on(block* list, std::uint32_t count) noexcept {
    block_list own;
    block* others = nullptr;
    for (; count > 0; --count) {
      block* const b = std::exchange(list, list->next);
      const bool is_own = slab::of(b).owner == this;
      block*& joined = is_own ? own.first : others;
      b->next = std::exchange(joined, b);
      if (is_own) ++own.count;
    }
    {
      const std::lock_guard lock(mutex_);
      used_ -= own.count;
      if (lists_ == passing_.size()) {  // the oldest goes: it is the coldest
        put(passing_.front());
        std::ranges::rotate(passing_, passing_.begin() + 1);
        --lists_;
      }
      passing_[lists_++] = own;
    }
    give_to_owners(others);
    return list;
  }

  /// Blocks that were taken and not given back.
  std::int64_t used() noexcept {
    const std::lock_guard lock(mutex_);
    return used_;
  }

 private:
  /// A plugin may have a copy of fanout of its own, whose frames are destroyed here.
  static void give_to_owners(block* others) noexcept {
    while (others != nullptr) {
      block* const b = std::exchange(others, others->next);
      slab::of(b).owner->give(b, 1);
    }
  }

  void put(const block_list& list) noexcept {
    for (block* b = list.first; b != nullptr;) put(*std::exchange(b, b->next));
  }
  void put(block& b) noexcept {
    slab& s = slab::of(&b);
    if (!s.has_room()) link(s);
    b.next = std::exchange(s.free, &b);
    if (--s.used == 0) emptied(s);
  }

  /// False: there is no memory, and `must` is false too.
  bool grow(std::size_t size_class, bool must) {
    // Huge pages are for what goes back to the system and is touched anew each time. As many slabs as may stay spare
    // are touched once, and in a virtual machine that is dear by the huge page: its host has taken the free ones back.
    try {
      link(spares.get(size_class, *this, slabs_ >= spare_bytes / slab_bytes));
    } catch (const std::bad_alloc&) {
      if (must) throw;
      return false;
    }
    ++slabs_;
    return true;
  }

  void emptied(slab& s) noexcept {
    s.reset();
    if (s.previous == nullptr && s.next == nullptr) return;  // the only one with room: the next block comes from here
    unlink(s);
    --slabs_;
    spares.put(s);
  }

  void link(slab& s) noexcept {
    s.previous = nullptr;
    s.next = with_room_;
    if (with_room_ != nullptr) with_room_->previous = &s;
    with_room_ = &s;
  }

  void unlink(slab& s) noexcept {
    (s.previous != nullptr ? s.previous->next : with_room_) = s.next;
    if (s.next != nullptr) s.next->previous = s.previous;
    s.previous = s.next = nullptr;
  }

  std::mutex mutex_;
  std::array<block_list, 4> passing_;
  std::size_t lists_ = 0;  // of those, from the front, the newest last
  slab* with_room_ = nullptr;
  std::size_t slabs_ = 0;
  std::int64_t used_ = 0;
};

constinit std::array<depot, classes> depots;

constexpr std::uint32_t limit_of(std::size_t size_class) noexcept {
  return static_cast<std::uint32_t>(std::clamp<std::size_t>(32 * 1024 / block_bytes(size_class), 32, 512));
}

/// A cache among those of all threads.
struct listed_cache : cache {
  // How many blocks to take next time: a thread that needs few touches few.
  std::array<std::uint32_t, classes> batch;
  // Taken out of the depot, less those given back: below 0 if it frees what others allocate.
  std::array<std::int64_t, classes> balance{};
  listed_cache* previous = nullptr;
  listed_cache* next = nullptr;
};

/// The caches of all threads, for counting.
struct registry {
  std::mutex mutex;
  listed_cache* first = nullptr;

  void list(listed_cache& c) noexcept {
    const std::lock_guard lock(mutex);
    c.next = std::exchange(first, &c);
    if (c.next != nullptr) c.next->previous = &c;
  }
  void unlist(listed_cache& c) noexcept {
    const std::lock_guard lock(mutex);
    (c.previous != nullptr ? c.previous->next : first) = c.next;
    if (c.next != nullptr) c.next->previous = c.previous;
  }
  std::int64_t blocks() noexcept {
    const std::lock_guard lock(mutex);
    std::int64_t sum = 0;
    for (const listed_cache* c = first; c != nullptr; c = c->next) {
      for (const bin& b : c->bins) sum += b.count();
    }
    return sum;
  }
};
constinit registry all_caches;

constinit std::atomic<std::int64_t> blocks_apart = 0;  // a statistic, alone

/// The thread's cache: in use from its first block until the destructors of thread-locals. On the heap: a module that
/// is loaded late finds little room for thread-locals that are initial-exec, and those make all of its module such.
class own_cache {
 public:
  own_cache() noexcept : cache_(new(std::nothrow) listed_cache) {
    if (cache_ == nullptr) return;
    for (std::size_t c = 0; c < classes; ++c) cache_->bins[c].room = cache_->bins[c].limit = limit_of(c);
    cache_->batch.fill(4);
    all_caches.list(*cache_);
    this_cache = cache_.get();
  }
  ~own_cache() {
    if (cache_ == nullptr) return;
    this_cache = nullptr;
    for (std::size_t c = 0; c < classes; ++c) {
      if (cache_->bins[c].count() != 0) depots[c].give(cache_->bins[c].first, cache_->bins[c].count());
    }
    all_caches.unlist(*cache_);
  }

  listed_cache* get() const noexcept { return this_cache != nullptr ? cache_.get() : nullptr; }

 private:
  const std::unique_ptr<listed_cache> cache_;
};

/// Null if the thread is about to end, or the system has no memory.
listed_cache* own() {
  static thread_local const own_cache cache;
  return cache.get();
}

}  // namespace

constinit thread_local cache* this_cache = nullptr;

void* allocate_apart(std::size_t size) {
  void* const memory = ::operator new(size);
  blocks_apart.fetch_add(1, std::memory_order_relaxed);
  return memory;
}

void free_apart(void* memory, std::size_t size) noexcept {
  ::operator delete(memory, size);
  blocks_apart.fetch_sub(1, std::memory_order_relaxed);
}

FANOUT_UNCOMMON void* allocate_slowly(std::size_t size) {
  if (size > largest) return allocate_apart(size);
  const std::size_t size_class = cache::class_of(size);
  listed_cache* const cache = own();
  if (cache == nullptr) return depots[size_class].take(size_class, 1).first;
  bin& b = cache->bins[size_class];
  if (b.first == nullptr) {
    std::uint32_t& batch = cache->batch[size_class];
    const block_list taken = depots[size_class].take(size_class, batch);
    b.first = taken.first;
    b.add_room(-static_cast<std::int32_t>(taken.count));
    cache->balance[size_class] += taken.count;
    batch = std::min(2 * batch, b.limit / 2);
  }
  return b.pop();
}

FANOUT_UNCOMMON void free_slowly(void* memory, std::size_t size) noexcept {
  if (size > largest) return free_apart(memory, size);
  const std::size_t size_class = cache::class_of(size);
  auto* const freed = static_cast<block*>(memory);
  if (listed_cache* const cache = own()) {
    bin& b = cache->bins[size_class];
    if (b.full()) {
      const std::uint32_t count = b.limit / 2;
      std::int64_t& balance = cache->balance[size_class];
      b.first = balance > 0 ? depots[size_class].give(b.first, count) : depots[size_class].pass_on(b.first, count);
      balance = std::max<std::int64_t>(balance - count, -std::int64_t{b.limit});  // it may come to allocate itself
      b.add_room(static_cast<std::int32_t>(count));
    }
    b.push(freed);
  } else {
    freed->next = nullptr;
    depots[size_class].give(freed, 1);
  }
}

std::size_t mapped_bytes() noexcept { return spares.mapped(); }

std::int64_t live() noexcept {
  std::int64_t out = blocks_apart.load(std::memory_order_relaxed);
  for (depot& d : depots) out += d.used();
  return out - all_caches.blocks();
}

}  // namespace fanout::detail::frame_pool
