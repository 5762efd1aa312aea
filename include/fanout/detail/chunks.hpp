// SPDX-License-Identifier: Apache-2.0
// How map and for_each share their items out: chunk by chunk, to whoever is free.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>

namespace fanout::detail {

/// Items in a row; none: nothing is left.
struct item_chunk {
  std::size_t first;
  std::size_t end;
  bool empty() const noexcept { return first == end; }
  std::size_t size() const noexcept { return end - first; }
};

/// The numbers 0 … count-1, each handed out once. From any thread.
class chunk_source {
 public:
  /// `fixed`: the size of every chunk; 0: as asked for, but never more than a part of a worker's share of what is left,
  /// so that all end at about the same time.
  chunk_source(std::size_t count, unsigned workers, std::size_t fixed) noexcept
      : count_(count), divisor_(std::size_t{4} * workers), fixed_(fixed) {}

  std::size_t count() const noexcept { return count_; }
  /// How many can work at the same time.
  std::size_t chunks() const noexcept { return fixed_ == 0 ? count_ : (count_ - 1) / fixed_ + 1; }

  item_chunk take(std::size_t wanted) noexcept {
    std::size_t first = next_.load(std::memory_order_relaxed);
    for (;;) {
      const std::size_t left = count_ - first;
      if (left == 0) return {count_, count_};
      const std::size_t size = fixed_ != 0
                                   ? std::min(fixed_, left)
                                   : std::clamp<std::size_t>(wanted, 1, std::max<std::size_t>(1, left / divisor_));
      // Relaxed: it only hands out numbers; whoever starts the work, and learns of its end, orders the rest.
      if (next_.compare_exchange_weak(first, first + size, std::memory_order_relaxed)) return {first, first + size};
    }
  }

  /// Nothing more is handed out.
  void close() noexcept { next_.store(count_, std::memory_order_relaxed); }

 private:
  const std::size_t count_;
  const std::size_t divisor_;
  const std::size_t fixed_;
  std::atomic<std::size_t> next_ = 0;
};

/// How many items one worker takes at a time: as many as keep it busy for long enough to make the hand-over cheap, by
/// what they have taken so far. One at first: nobody knows how long an item takes, and a slow one should hold up none.
class chunk_pace {
 public:
  std::size_t size() const noexcept { return size_; }

  void begin() noexcept { begun_ = clock::now(); }
  void end(std::size_t ran) noexcept {
    const auto taken = clock::now() - begun_;
    if (taken < worth_it / 2) {
      size_ = std::max(size_, ran * (taken < worth_it / 16 ? 8 : 2));
    } else if (taken > worth_it * 2) {
      size_ = std::max<std::size_t>(1, static_cast<std::size_t>(static_cast<double>(ran) * (worth_it / to_ns(taken))));
    }
  }

 private:
  using clock = std::chrono::steady_clock;
  using ns = std::chrono::duration<double, std::nano>;
  static constexpr ns worth_it{50'000};
  static ns to_ns(clock::duration d) noexcept { return d; }

  std::size_t size_ = 1;
  clock::time_point begun_;
};

}  // namespace fanout::detail
