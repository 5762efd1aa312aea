// SPDX-License-Identifier: Apache-2.0
// The block that a mapped<R> and its pool share: one outcome for each input.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "fanout/detail/blocking.hpp"
#include "fanout/detail/futex.hpp"
#include "fanout/detail/future_state.hpp"
#include "fanout/result.hpp"

namespace fanout::detail {

/// Counted as a future's block is. event() is done when every item is; single items can be waited for before that.
template <class R>
class map_state : public future_core {
 public:
  explicit map_state(std::size_t count, const scheduler* home = nullptr, std::uint32_t references = 1)
      : future_core(home, references), items_(count), missing_(count) {
    if (count == 0) event().finish();
  }

  ~map_state() override {
    if (this->is_seen()) return;
    for (const item& i : items_) {
      if (i.outcome.has_value() || i.outcome.error() == nullptr) continue;
      report_unseen(i.outcome.error());
      return;  // the first speaks for all
    }
  }

  std::size_t size() const noexcept { return items_.size(); }

  /// Once for each item, from any thread. The caller holds a reference.
  void publish(std::size_t index, result<R>&& outcome) noexcept {
    replace_outcome(items_[index].outcome, std::move(outcome));
    items_[index].ready.store(true, std::memory_order_release);
    // seq_cst, as in wait_for_item: of `published_` then `sleeping_` here and the reverse there, one sees the other.
    published_.fetch_add(1, std::memory_order_seq_cst);
    if (sleeping_.load(std::memory_order_seq_cst)) futex_wake_all(published_);
    if (missing_.fetch_sub(1, std::memory_order_acq_rel) == 1) event().finish();
  }

  /// Blocks until that item is there.
  void wait_for_item(std::size_t index) {
    if (ready(index)) return;
    if (context_of(home()) != nullptr) return wait_for(event(), home());  // a worker helps with all of it, not to sleep
    sleeping_.store(true, std::memory_order_seq_cst);
    for (;;) {
      const std::uint32_t seen = published_.load(std::memory_order_seq_cst);
      if (ready(index)) break;
      futex_wait(published_, seen);
    }
    sleeping_.store(false, std::memory_order_relaxed);
  }

  /// After wait_for_item(index), or event().done().
  result<R>&& outcome(std::size_t index) noexcept {
    seen();
    return std::move(items_[index].outcome);
  }

 private:
  struct item {
    result<R> outcome{std::unexpect};
    std::atomic<bool> ready = false;  // release in publish, acquire in ready()
  };

  bool ready(std::size_t index) const noexcept { return items_[index].ready.load(std::memory_order_acquire); }

  std::vector<item> items_;
  std::atomic<std::size_t> missing_;
  std::atomic<std::uint32_t> published_ = 0;  // only ever changes: what sleepers watch
  std::atomic<bool> sleeping_ = false;
};

}  // namespace fanout::detail
