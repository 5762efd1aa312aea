// SPDX-License-Identifier: Apache-2.0
// The pool itself, under the sanitizers too, where frames do not come from it.
#include "core/frame_pool.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <mutex>
#include <random>
#include <set>
#include <stop_token>
#include <thread>
#include <utility>
#include <vector>

#include "fanout/detail/frame_pool.hpp"
#include "fanout/gather.hpp"
#include "fanout/sleep.hpp"
#include "fanout/task.hpp"
#include "fanout/thread_pool.hpp"

namespace {

namespace frame_pool = fanout::detail::frame_pool;
using fanout::detail::live_frames;

constexpr std::size_t slab_bytes = std::size_t{2} << 20;  // what the pool asks the system for, and gives back
constexpr std::size_t alignment = __STDCPP_DEFAULT_NEW_ALIGNMENT__;

/// A block, full of a pattern of its own: whoever else is given the same memory spoils it.
class block {
 public:
  explicit block(std::size_t size) : memory_(frame_pool::allocate(size)), size_(size) {
    std::memset(memory_, pattern(), size_);
  }
  block(block&& other) noexcept : memory_(std::exchange(other.memory_, nullptr)), size_(other.size_) {}
  block& operator=(block&& other) noexcept {
    std::swap(memory_, other.memory_);
    std::swap(size_, other.size_);
    return *this;
  }
  ~block() {
    if (memory_ == nullptr) return;
    EXPECT_TRUE(untouched());
    frame_pool::free(memory_, size_);
  }

  std::uintptr_t address() const noexcept { return reinterpret_cast<std::uintptr_t>(memory_); }
  std::size_t size() const noexcept { return size_; }

 private:
  unsigned char pattern() const noexcept { return static_cast<unsigned char>(address() / alignment ^ size_); }
  bool untouched() const noexcept {
    const auto* const bytes = static_cast<const unsigned char*>(memory_);
    return std::all_of(bytes, bytes + size_, [p = pattern()](unsigned char byte) { return byte == p; });
  }

  void* memory_;
  std::size_t size_;
};

TEST(FramePool, BlocksOfEverySizeAreAlignedAndDistinct) {
  std::vector<block> blocks;
  for (int round = 0; round < 3; ++round) {
    for (std::size_t size = 1; size <= 2 * frame_pool::largest; ++size) blocks.emplace_back(size);
  }
  std::ranges::sort(blocks, {}, &block::address);
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    EXPECT_EQ(blocks[i].address() % alignment, 0U);
    if (i > 0) {
      EXPECT_LE(blocks[i - 1].address() + blocks[i - 1].size(), blocks[i].address());
    }
  }
}

TEST(FramePool, GivesTheBlockThatWasFreedLast) {
  for (const std::size_t size : {16, 100, 512, 1024}) {
    const block another(size);
    void* const freed = frame_pool::allocate(size);
    frame_pool::free(freed, size);
    void* const reused = frame_pool::allocate(size);
    EXPECT_EQ(reused, freed);
    frame_pool::free(reused, size);
  }
}

TEST(FramePool, DoesNotGrowOverManyRounds) {
  std::mt19937 random(7);
  std::vector<block> blocks;
  const auto round = [&] {
    for (int i = 0; i < 2000; ++i) blocks.emplace_back(1 + random() % frame_pool::largest);
    std::ranges::shuffle(blocks, random);
    blocks.clear();
  };
  round();
  const std::size_t mapped = frame_pool::mapped_bytes();
  for (int i = 0; i < 20; ++i) round();
  EXPECT_LE(frame_pool::mapped_bytes(), mapped);
}

TEST(FramePool, BlocksThatAnotherThreadFreesComeBack) {
  // One thread allocates all the time, another frees: without a way back every block would be a new one.
  constexpr std::size_t size = 256, blocks_per_round = 4096;  // a megabyte
  constexpr int rounds = 64;
  const std::size_t before = frame_pool::mapped_bytes();
  std::vector<block> blocks;
  for (int i = 0; i < rounds; ++i) {
    for (std::size_t b = 0; b < blocks_per_round; ++b) blocks.emplace_back(size);
    std::thread([given = std::move(blocks)]() mutable { given.clear(); }).join();
    blocks.clear();
  }
  EXPECT_LE(frame_pool::mapped_bytes(), before + 4 * slab_bytes);
}

TEST(FramePool, ListsOfBlocksArePassedOnFromWhoFreesToWhoAllocates) {
  // The same few come again and again, each time filled with a pattern that nobody else may spoil.
  constexpr std::size_t size = 64, per_round = 512;
  const std::int64_t live = frame_pool::live();
  std::set<std::uintptr_t> seen;
  std::mutex mutex;
  std::condition_variable_any changed;
  std::vector<block> given;
  std::jthread frees([&](const std::stop_token& stop) {
    std::unique_lock lock(mutex);
    while (changed.wait(lock, stop, [&] { return !given.empty(); })) {
      given.clear();
      changed.notify_all();
    }
  });
  for (int round = 0; round < 200; ++round) {
    std::vector<block> blocks;
    for (std::size_t b = 0; b < per_round; ++b) seen.insert(blocks.emplace_back(size).address());
    std::unique_lock lock(mutex);
    given = std::move(blocks);
    changed.notify_all();
    changed.wait(lock, [&] { return given.empty(); });
  }
  frees.request_stop();
  frees.join();
  EXPECT_EQ(frame_pool::live(), live);
  EXPECT_LT(seen.size(), 10 * per_round);
}

TEST(FramePool, GivesABurstBackToTheSystem) {
  constexpr std::size_t size = 512, burst = 2 * frame_pool::spare_bytes;
  const std::size_t before = frame_pool::mapped_bytes();
  {
    std::vector<void*> blocks;
    for (std::size_t bytes = 0; bytes < burst; bytes += size) blocks.push_back(frame_pool::allocate(size));
    // Some of it may have been there already: spare slabs, and those that this size class and this thread have kept.
    EXPECT_GE(frame_pool::mapped_bytes(), before + burst - frame_pool::spare_bytes - 2 * slab_bytes);
    for (void* const memory : blocks) frame_pool::free(memory, size);
  }
  // The blocks in this thread's cache may keep a slab, and so does their size class.
  EXPECT_LE(frame_pool::mapped_bytes(), before + frame_pool::spare_bytes + 2 * slab_bytes);
}

TEST(FramePool, ABurstOfMixedSizesFreedElsewhereInAnyOrderGoesBackToo) {
  const std::size_t before = frame_pool::mapped_bytes();
  std::mt19937 random(11);
  constexpr std::size_t burst = 2 * frame_pool::spare_bytes;
  std::vector<std::pair<void*, std::size_t>> blocks;
  for (std::size_t bytes = 0; bytes < burst;) {
    const std::size_t size = frame_pool::largest - random() % 4 * 256;
    blocks.emplace_back(frame_pool::allocate(size), size);
    bytes += size;
  }
  std::ranges::shuffle(blocks, random);
  std::thread([&] {
    for (const auto& [memory, size] : blocks) frame_pool::free(memory, size);
  }).join();
  // That thread has ended, and its cache is empty. A slab stays for each of the four classes, and may for what this
  // thread has in its cache of each: half of 32 to 128 blocks, which were taken from slabs in a row.
  EXPECT_LE(frame_pool::mapped_bytes(), before + frame_pool::spare_bytes + 8 * slab_bytes);
}

TEST(FramePool, LargeBlocksAreNotItsOwn) {
  const std::size_t mapped = frame_pool::mapped_bytes();
  const auto frames = live_frames();
  {
    std::vector<block> blocks;
    for (std::size_t i = 0; i < 100; ++i) blocks.emplace_back(frame_pool::largest + 1 + i * 1000);
    EXPECT_EQ(live_frames(), frames + 100);
  }
  EXPECT_EQ(live_frames(), frames);
  EXPECT_EQ(frame_pool::mapped_bytes(), mapped);
}

TEST(FramePool, CountsLiveBlocksExactlyWhoeverFreesThem) {
  const auto frames = live_frames();
  std::vector<block> blocks;
  for (std::size_t size = 1; size <= 2 * frame_pool::largest; ++size) {
    blocks.emplace_back(size);
    ASSERT_EQ(live_frames(), frames + static_cast<std::int64_t>(blocks.size()));
  }
  std::vector<block> made_elsewhere;
  std::thread other([&] {
    blocks.erase(blocks.begin() + static_cast<std::ptrdiff_t>(blocks.size() / 2), blocks.end());
    for (int i = 0; i < 10; ++i) made_elsewhere.emplace_back(64);
    EXPECT_EQ(live_frames(), frames + static_cast<std::int64_t>(blocks.size() + made_elsewhere.size()));
  });
  other.join();
  EXPECT_EQ(live_frames(), frames + static_cast<std::int64_t>(blocks.size() + made_elsewhere.size()));
  blocks.clear();
  made_elsewhere.clear();
  EXPECT_EQ(live_frames(), frames);
}

/// Keeps blocks until its thread ends, and allocates in its destructor. `Order` makes types of it: one is constructed
/// before the pool's cache of that thread, hence destroyed after it.
template <int Order>
struct user_until_the_end {
  ~user_until_the_end() {
    for (const std::size_t size : {1, 64, 64, 1000, 3000}) kept.emplace_back(size);
    kept.erase(kept.begin(), kept.begin() + static_cast<std::ptrdiff_t>(kept.size() / 2));
    kept.clear();
    if (leaves != nullptr) leaves->emplace_back(200);
  }
  std::vector<block> kept;
  std::vector<block>* leaves = nullptr;
};

TEST(FramePool, ServesDestructorsOfThreadLocalsAfterItsCacheHasGone) {
  const auto frames = live_frames();
  const std::size_t mapped = frame_pool::mapped_bytes();
  std::vector<block> left;
  for (int round = 0; round < 50; ++round) {
    std::thread([&] {
      static thread_local user_until_the_end<1> before_the_cache;
      before_the_cache.leaves = &left;
      for (int i = 0; i < 100; ++i) before_the_cache.kept.emplace_back(64);
      static thread_local user_until_the_end<2> after_the_cache;
      after_the_cache.leaves = &left;
      for (int i = 0; i < 100; ++i) after_the_cache.kept.emplace_back(128);
    }).join();
  }
  EXPECT_EQ(left.size(), 100U);
  EXPECT_EQ(live_frames(), frames + 100);
  left.clear();
  EXPECT_EQ(live_frames(), frames);
  EXPECT_LE(frame_pool::mapped_bytes(), mapped + 5 * slab_bytes) << "more than a slab for each of the five sizes";
}

TEST(FramePool, ServesAThreadThatOnlyFrees) {
  const auto frames = live_frames();
  for (int round = 0; round < 20; ++round) {
    std::vector<block> blocks;
    for (std::size_t size = 16; size <= 1200; size += 16) blocks.emplace_back(size);
    std::thread([given = std::move(blocks)]() mutable { given.clear(); }).join();
  }
  EXPECT_EQ(live_frames(), frames);
}

TEST(FramePoolStress, BlocksWanderBetweenThreadsThatEnd) {
  struct piece {
    unsigned char* memory;
    std::size_t size;
  };
  std::mutex mutex;
  std::vector<piece> common;
  const auto wanders = [&](unsigned seed) {
    std::minstd_rand random(seed);
    std::vector<piece> mine;
    for (int step = 0; step < 2000; ++step) {
      if (random() % 2 == 0) {
        const std::size_t size = 1 + random() % 1200;
        auto* const memory = static_cast<unsigned char*>(frame_pool::allocate(size));
        memory[0] = memory[size - 1] = static_cast<unsigned char>(size);
        mine.push_back({memory, size});
      } else if (!mine.empty()) {
        const auto [memory, size] = mine.back();
        mine.pop_back();
        ASSERT_EQ(memory[0], static_cast<unsigned char>(size));
        ASSERT_EQ(memory[size - 1], static_cast<unsigned char>(size));
        frame_pool::free(memory, size);
      }
      if (step % 100 == 0) {
        const std::lock_guard lock(mutex);
        std::swap(mine, common);
      }
    }
    const std::lock_guard lock(mutex);
    common.insert(common.end(), mine.begin(), mine.end());
  };
  const auto frames = live_frames();
  for (unsigned round = 0; round < 20; ++round) {
    std::vector<std::thread> threads;
    for (unsigned i = 0; i < 4; ++i) threads.emplace_back(wanders, 4 * round + i + 1);
    for (auto& thread : threads) thread.join();
    EXPECT_EQ(live_frames(), frames + static_cast<std::int64_t>(common.size()));
  }
  for (const auto& [memory, size] : common) frame_pool::free(memory, size);
  EXPECT_EQ(live_frames(), frames);
}

TEST(FramePoolStress, FramesAreFreedByOtherThreadsThanTheyWereMadeOn) {
  const auto frames = live_frames();
  std::atomic<int> sum = 0;
  const auto child = [](int i) -> fanout::task<int> {
    co_await fanout::yield();
    co_return i;
  };
  const auto tree = [&child](int width) -> fanout::task<int> {
    std::vector<fanout::task<int>> tasks;
    for (int i = 0; i < width; ++i) tasks.push_back(child(i));
    int total = 0;
    for (const int value : co_await fanout::gather(std::move(tasks))) total += value;
    co_return total;
  };
  for (int round = 0; round < 10; ++round) {
    fanout::thread_pool pool(3);  // whose threads end every time
    for (int i = 0; i < 20; ++i) sum += pool.run(tree(50));
  }
  EXPECT_EQ(sum, 10 * 20 * 49 * 50 / 2);
  EXPECT_EQ(live_frames(), frames);
}

}  // namespace
