// SPDX-License-Identifier: Apache-2.0
// thread_pool::for_each: items that are worked on where they are, while the caller waits.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <type_traits>
#include <vector>

#include "fanout/detail/blocking.hpp"
#include "fanout/detail/chunks.hpp"
#include "fanout/detail/pool_phase.hpp"
#include "fanout/detail/this_thread.hpp"
#include "fanout/detail/waiter.hpp"
#include "fanout/errors.hpp"
#include "fanout/executor.hpp"
#include "fanout/task.hpp"

namespace fanout::detail {

/// Who works on something that lives on the stack of a caller who waits. They may come too late, from far behind in the
/// pool's queue: the caller does not wait for those, so they must not look at it any more. Hence this block of its own.
///
///   open, n inside ──leave() of the last one──▶ closed: nobody enters
///
/// Whoever leaves found nothing left to do; so when the last one leaves all has been done.
class work_party {
 public:
  using work_fn = void (*)(void* job) noexcept;

  /// `helpers` of them, to come by invite().
  work_party(std::size_t helpers, work_fn work, void* job) : work_(work), job_(job), helpers_(helpers) {}

  /// Once.
  static void invite(const std::shared_ptr<work_party>& party, scheduler& pool) noexcept {
    for (helper& h : party->helpers_) h.party = party;  // all before the first may be gone
    for (helper& h : party->helpers_) pool.fork(h);
  }

  /// Works, unless all has been done.
  void take_part() noexcept {
    std::uint32_t inside = inside_.load(std::memory_order_relaxed);
    do {
      if (inside == closed) return;
    } while (!inside_.compare_exchange_weak(inside, inside + 1, std::memory_order_relaxed));
    work_(job_);
    // Release and acquire: the last one sees what the others did, and the caller, by finish(), sees it too.
    inside = inside_.load(std::memory_order_relaxed);
    while (!inside_.compare_exchange_weak(inside, inside == 1 ? closed : inside - 1, std::memory_order_acq_rel,
                                          std::memory_order_relaxed)) {
    }
    if (inside == 1) all_done_.finish();
  }

  completion& all_done() noexcept { return all_done_; }

 private:
  struct helper : op {
    helper() noexcept
        : op([](op& self) noexcept {
            const std::shared_ptr<work_party> mine = std::move(static_cast<helper&>(self).party);
            mine->take_part();
          }) {}
    std::shared_ptr<work_party> party;
  };

  static constexpr std::uint32_t closed = static_cast<std::uint32_t>(-1);

  const work_fn work_;
  void* const job_;
  std::atomic<std::uint32_t> inside_ = 0;
  completion all_done_;
  std::vector<helper> helpers_;  // linked into the pool's queue: made once, with their number
};

template <class F, class T>
class for_each_job {
 public:
  for_each_job(const pool_phase* phase, F& f, T* first, std::size_t count, unsigned workers) noexcept
      : phase_(phase), f_(f), first_(first), chunks_(count, workers, 0) {}

  void work() noexcept {
    chunk_pace pace;
    for (item_chunk c = chunks_.take(1); !c.empty(); c = chunks_.take(pace.size())) {
      pace.begin();
      run(c);
      pace.end(c.size());
    }
  }

  /// When all have ended.
  void rethrow() const {
    if (error_ != nullptr) std::rethrow_exception(error_);
  }

 private:
  void run(item_chunk c) noexcept {
    T* at = first_ + c.first;
    T* const end = first_ + c.end;
    try {
      if (phase_ != nullptr && phase_->cancels()) throw cancelled();
      for (; at != end; ++at) std::invoke(f_, *at);
    } catch (...) {
      failed(at);
    }
  }

  void failed(T* at) noexcept {
    chunks_.close();
    const std::lock_guard lock(mutex_);
    if (error_ != nullptr && failed_at_ < at) return;
    error_ = std::current_exception();
    failed_at_ = at;
  }

  const pool_phase* const phase_;
  F& f_;
  T* const first_;
  chunk_source chunks_;
  std::mutex mutex_;  // guards the rest
  std::exception_ptr error_;
  T* failed_at_ = nullptr;
};

template <class F, class T>
void for_each_on(scheduler& pool, const pool_phase* phase, unsigned workers, F& f, T* first, std::size_t count) {
  static_assert(!is_task<std::invoke_result_t<F&, T&>>, FANOUT_GATHER_THEM("for_each"));
  if (count == 0) return;
  using job_type = for_each_job<F, T>;
  job_type job(phase, f, first, count, workers);
  const scheduler* const home = &pool;
  thread_context* const worker = waiting_context(home);  // throws before anything has begun
  const std::size_t helpers = std::min<std::size_t>(workers, count) - (worker != nullptr ? 1 : 0);
  const auto party =
      std::make_shared<work_party>(helpers, [](void* j) noexcept { static_cast<job_type*>(j)->work(); }, &job);
  work_party::invite(party, pool);
  if (worker != nullptr) party->take_part();
  wait_for(party->all_done(), home);
  job.rethrow();
}

}  // namespace fanout::detail
