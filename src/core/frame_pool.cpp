// SPDX-License-Identifier: Apache-2.0
#include "core/frame_pool.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <mutex>
#include <new>
#include <utility>

#include "fanout/detail/frame_pool.hpp"

namespace fanout::detail {
namespace frame_pool {
namespace {

constexpr std::size_t granularity = __STDCPP_DEFAULT_NEW_ALIGNMENT__;
constexpr std::size_t classes = largest / granularity;
constexpr std::size_t slab_bytes = std::size_t{2} << 20;  // a huge page

constexpr std::size_t class_of(std::size_t size) noexcept { return (size + granularity - 1) / granularity - 1; }
constexpr std::size_t block_bytes(std::size_t size_class) noexcept { return (size_class + 1) * granularity; }

struct block {
  block* next;
};

/// Blocks linked by `next`.
struct block_list {
  block* first = nullptr;
  std::uint32_t count = 0;

  void push(block* b) noexcept {
    b->next = first;
    first = b;
    ++count;
  }
  block* pop() noexcept {
    --count;
    return std::exchange(first, first->next);
  }
};

/// At the beginning of its 2 MiB, by which its blocks find it. Guarded by the lock of the depot that owns it.
struct slab {
  slab* previous = nullptr;  // among the depot's slabs with room
  slab* next = nullptr;
  block* free = nullptr;
  char* untouched;  // from here to the end nothing was handed out: memory is touched only when it is needed
  std::uint32_t used = 0;
  const std::uint32_t size_class;

  explicit slab(std::size_t c) noexcept : untouched(first_block()), size_class(static_cast<std::uint32_t>(c)) {}

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
  slab& get(std::size_t size_class, bool huge) {
    void* memory = pop();
    if (memory == nullptr) memory = map(huge);
    return *new (memory) slab(size_class);
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

/// The slabs of one size class.
class depot {
 public:
  /// At least one block, or std::bad_alloc.
  block_list take(std::size_t size_class, std::uint32_t count) {
    block_list list;
    const std::lock_guard lock(mutex_);
    while (list.count < count) {
      if (with_room_ == nullptr) {
        // The first slab of a class is not to cost a small program two megabytes: only the others get a huge page.
        try {
          link(spares.get(size_class, slabs_ > 0));
          ++slabs_;
        } catch (const std::bad_alloc&) {
          if (list.count > 0) break;
          throw;
        }
      }
      slab& s = *with_room_;
      list.push(s.take());
      if (!s.has_room()) unlink(s);
    }
    return list;
  }

  void give(block_list& list, std::uint32_t count) noexcept {
    const std::lock_guard lock(mutex_);
    for (; count > 0; --count) {
      block* const b = list.pop();
      slab& s = slab::of(b);
      if (!s.has_room()) link(s);
      b->next = std::exchange(s.free, b);
      if (--s.used == 0) emptied(s);
    }
  }

 private:
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
  slab* with_room_ = nullptr;
  std::size_t slabs_ = 0;
};

constinit std::array<depot, classes> depots;

/// A thread's free blocks of one class.
struct bin {
  block_list list;
  std::uint32_t limit = 0;  // 0: nothing may stay here, because the thread is not registered yet or has ended
  std::uint32_t batch = 4;  // to be taken next time: a thread that needs few touches few
};

constexpr std::uint32_t limit_of(std::size_t size_class) noexcept {
  return static_cast<std::uint32_t>(std::clamp<std::size_t>(32 * 1024 / block_bytes(size_class), 32, 512));
}

/// Trivially destructible, so that it can be used until the thread's very end.
struct cache {
  std::array<bin, classes> bins;
  std::atomic<std::int64_t> live = 0;  // written by this thread alone, hence load and store; read by live_frames()
  cache* previous = nullptr;
  cache* next = nullptr;
  enum : unsigned char { unused, listed, ended } phase = unused;

  void count(std::int64_t change) noexcept {
    live.store(live.load(std::memory_order_relaxed) + change, std::memory_order_relaxed);
  }
};

constinit thread_local cache this_cache;

/// The caches of all threads, for counting.
struct registry {
  std::mutex mutex;
  cache* first = nullptr;
  std::atomic<std::int64_t> live_elsewhere = 0;  // large blocks, and those of threads that have ended; a statistic

  void list(cache& c) noexcept {
    const std::lock_guard lock(mutex);
    c.next = std::exchange(first, &c);
    if (c.next != nullptr) c.next->previous = &c;
  }
  void unlist(cache& c) noexcept {
    const std::lock_guard lock(mutex);
    (c.previous != nullptr ? c.previous->next : first) = c.next;
    if (c.next != nullptr) c.next->previous = c.previous;
    fold(c);
  }
  void fold(cache& c) noexcept {
    live_elsewhere.fetch_add(c.live.exchange(0, std::memory_order_relaxed), std::memory_order_relaxed);
  }
  std::int64_t live() noexcept {
    const std::lock_guard lock(mutex);
    std::int64_t sum = live_elsewhere.load(std::memory_order_relaxed);
    for (const cache* c = first; c != nullptr; c = c->next) sum += c->live.load(std::memory_order_relaxed);
    return sum;
  }
};
constinit registry all_caches;

/// Takes the thread's cache into use, and out of it when the thread ends. What comes after that, destructors of other
/// thread-locals, finds limits of 0: every block goes to the depot at once, and every change is folded into the
/// registry.
struct cache_owner {
  cache_owner() noexcept {
    all_caches.list(this_cache);
    for (std::size_t c = 0; c < classes; ++c) this_cache.bins[c].limit = limit_of(c);
    this_cache.phase = cache::listed;
  }
  ~cache_owner() {
    for (std::size_t c = 0; c < classes; ++c) {
      bin& b = this_cache.bins[c];
      depots[c].give(b.list, b.list.count);
      b.limit = 0;
      b.batch = 1;
    }
    this_cache.phase = cache::ended;
    all_caches.unlist(this_cache);
  }
};

void first_or_last_use() {
  if (this_cache.phase == cache::unused) {
    static thread_local const cache_owner owner;
  } else if (this_cache.phase == cache::ended) {
    all_caches.fold(this_cache);
  }
}

[[gnu::noinline]] void refill(std::size_t size_class) {
  first_or_last_use();
  bin& b = this_cache.bins[size_class];
  b.list = depots[size_class].take(size_class, b.batch);
  b.batch = std::max<std::uint32_t>(1, std::min(2 * b.batch, b.limit / 2));
}

[[gnu::noinline]] void spill(std::size_t size_class) noexcept {
  first_or_last_use();
  bin& b = this_cache.bins[size_class];
  if (b.list.count > b.limit) depots[size_class].give(b.list, b.limit > 0 ? b.limit / 2 : b.list.count);
}

void count_elsewhere(std::int64_t change) noexcept {
  all_caches.live_elsewhere.fetch_add(change, std::memory_order_relaxed);
}

}  // namespace

void* allocate(std::size_t size) {
  if (size > largest) {
    void* const memory = ::operator new(size);
    count_elsewhere(1);
    return memory;
  }
  const std::size_t size_class = class_of(size);
  block_list& list = this_cache.bins[size_class].list;
  this_cache.count(1);
  if (list.first == nullptr) [[unlikely]] {
    try {
      refill(size_class);
    } catch (...) {
      this_cache.count(-1);
      throw;
    }
  }
  return list.pop();
}

void free(void* memory, std::size_t size) noexcept {
  if (size > largest) {
    ::operator delete(memory, size);
    return count_elsewhere(-1);
  }
  const std::size_t size_class = class_of(size);
  bin& b = this_cache.bins[size_class];
  this_cache.count(-1);
  b.list.push(static_cast<block*>(memory));
  if (b.list.count > b.limit) [[unlikely]]
    spill(size_class);
}

std::size_t mapped_bytes() noexcept { return spares.mapped(); }

}  // namespace frame_pool

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define FANOUT_SANITIZED
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define FANOUT_SANITIZED
#endif

#ifdef FANOUT_SANITIZED

void* allocate_frame(std::size_t size) {
  void* const memory = ::operator new(size);
  frame_pool::count_elsewhere(1);
  return memory;
}

void free_frame(void* frame, std::size_t size) noexcept {
  ::operator delete(frame, size);
  frame_pool::count_elsewhere(-1);
}

#else

void* allocate_frame(std::size_t size) { return frame_pool::allocate(size); }
void free_frame(void* frame, std::size_t size) noexcept { frame_pool::free(frame, size); }

#endif

std::int64_t live_frames() noexcept { return frame_pool::all_caches.live(); }

}  // namespace fanout::detail
