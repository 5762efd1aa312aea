// SPDX-License-Identifier: Apache-2.0
// The map of a process pool whose inputs are pulled, as its consumer gets on.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "fanout/detail/byte_buffer.hpp"
#include "fanout/detail/map_inputs.hpp"
#include "fanout/detail/puller.hpp"
#include "fanout/detail/remote_call.hpp"
#include "fanout/detail/remote_work.hpp"
#include "fanout/detail/shipping.hpp"
#include "fanout/detail/windowed_map.hpp"
#include "fanout/duration.hpp"
#include "fanout/map.hpp"
#include "fanout/result.hpp"

namespace fanout::detail {

/// How many items a worker is given at a time, by what others have taken: about 500 µs of work. On a busy machine short
/// runs mostly seem to take what others had the processor for meanwhile. If the mean counted, runs would become ever
/// shorter by that; so what is expected of an item rises slowly, unless a run took so long that it held up others.
class run_pace {
 public:
  /// 0: nobody knows yet.
  std::size_t run_size() const noexcept {
    const duration item = item_.load(std::memory_order_relaxed);
    if (item == duration::zero()) return 0;
    return static_cast<std::size_t>(std::max<duration::rep>(1, worth_it / item));
  }

  /// In turns of the supervisor. `item`: what one took in a run of so many; 0: there was none.
  void learn(duration item, std::size_t count) noexcept {
    if (item == duration::zero()) return;
    const duration before = item_.load(std::memory_order_relaxed);
    const bool is_long = item * static_cast<duration::rep>(count) > too_long;
    duration expected = item;
    if (before != duration::zero() && item < before) expected = (before + item) / 2;
    if (before != duration::zero() && item > before && !is_long) expected = std::min(item, before + before / 16);
    item_.store(std::max(expected, duration(1)), std::memory_order_relaxed);
  }

 private:
  static constexpr duration worth_it = std::chrono::microseconds(500), too_long = std::chrono::milliseconds(50);

  std::atomic<duration> item_ = duration::zero();  // alone: whoever reads it may be late
};

/// A thread of its own pulls the inputs, encodes them and gathers them in a batch, which goes to the pool as one piece
/// of work: when it is large enough, or as soon as a worker may be idle. So inputs wait for others to join them only
/// while the workers are busy, and never because the range lets one wait for the next.
///
///   the thread:   pulls ──the window is full──▶ sleeps
///                   ▲                              │ refill(): there is room for a whole batch, or for any input while
///                   └──────────────────────────────┘ a worker may be idle; or nothing more is to be pulled
///
///   a batch:      open: inputs are added ──hand_over()──▶ in the pool ──all its items reported──▶ over
///                   by the thread, when it has added one, or by whoever counts the end of a run: either may make it
///                   due
///
/// The pool is there while the thread pulls: before it closes it waits for that. Nothing is handed over afterwards.
///
/// Lock order: the supervisor's turn, a map's lock, the pool's inbox.
template <class R, class Input, class Source>
class pulled_map final : public windowed_map<R>, private puller {
  using base = windowed_map<R>;
  using typename base::place;
  using typename base::slots;

 public:
  pulled_map(std::shared_ptr<pool_core> pool, unsigned workers, const call_target& target, Source&& source,
             map_options options)
      : base(nullptr, 2, options.ordered, Source::is_lazy, window_for(options, workers)),
        pool_(std::move(pool)),
        workers_(workers),
        target_(target),
        limits_{.timeout = options.item_timeout},
        chunk_(options.chunk),
        window_is_given_(options.window != 0),
        source_(std::move(source)) {}

  void take_as(taken_as how) noexcept override {
    base::take_as(how);
    if (this->drops_rest()) take_back_dropped(*pool_);  // what was sent ahead to workers, too
  }

  std::shared_ptr<outside> owed_from_outside() override { return results_of(*pool_); }

  /// Once, before anybody else knows it. Throws std::system_error, pool_closed.
  void start(pull_threads& threads) {
    try {
      start_thread(threads, *this);
    } catch (...) {
      thread_ends();
      throw;
    }
  }

 private:
  static constexpr std::size_t most_items = 1024, most_bytes = std::size_t{64} << 10;  // of a batch

  class batch;

  /// For each worker two chunks: one that runs, and one that is to follow.
  static std::size_t window_for(const map_options& options, unsigned workers) noexcept {
    if (options.window != 0) return options.window;
    return std::size_t{2} * workers * std::clamp<std::size_t>(options.chunk, 32, most_items);
  }

  // --- under the lock

  /// A worker may have nothing to do.
  bool is_hungry() const noexcept { return runs_ < workers_; }

  /// How many items a worker is to be given at a time; 0: nobody knows yet how long one takes.
  std::size_t run_size() const noexcept {
    if (chunk_ != 0) return chunk_;
    return pace_.run_size();
  }

  std::size_t share() const noexcept { return std::max<std::size_t>(1, this->window() / (std::size_t{2} * workers_)); }

  /// How many make a batch, if nobody is hungry. All workers should find something.
  std::size_t enough() const noexcept {
    if (chunk_ != 0) return chunk_;
    const std::size_t wanted = run_size();
    return std::min({wanted == 0 ? most_items : wanted, share(), most_items});
  }

  std::size_t gathered() const noexcept { return open_ == nullptr ? 0 : open_->size(); }

  bool is_due() const noexcept {
    if (open_ == nullptr) return false;
    return is_hungry() || open_->size() >= enough() || is_too_large_for(0);
  }
  bool is_too_large_for(std::size_t more_bytes) const noexcept {
    return chunk_ == 0 && open_->bytes() + more_bytes >= most_bytes;
  }

  bool may_pull() const noexcept {
    return this->has_room() && (!pool_closes_ || this->taken_together() || this->numbered() < last_number_);
  }

  /// Not for every single item that there is room for: it would be a batch by itself.
  bool is_worth_waking() const noexcept {
    return this->is_exhausted() || pool_closes_ ||
           (this->has_room() && (is_hungry() || this->room() + gathered() >= enough()));
  }
  void refill(std::unique_lock<std::mutex>&) noexcept override {
    if (!asleep_ || !is_worth_waking()) return;
    asleep_ = false;
    wake_.notify_one();
  }

  /// Gives the pool what has been gathered. Releases the lock in between.
  void hand_over(std::unique_lock<std::mutex>& lock) noexcept {
    batch* const b = open_.release();
    const std::size_t run = run_size();
    runs_ += b->begin_runs(run);
    if (!this->drops_rest()) enqueue_batch(*b, run);
    widen_if_narrow(run);
    lock.unlock();
    b->release();
    lock.lock();
  }

  void enqueue_batch(batch& b, std::size_t run) noexcept {
    b.retain();  // hand_over()'s: it may be over before this returns
    try {
      enqueue_for_next_turn(*pool_, b, b.size(), run);
    } catch (...) {
      runs_ -= b.take_back();
      this->exhaust(std::current_exception());
    }
  }

  /// A window that is ours to choose grows if it is what keeps batches of short items small.
  void widen_if_narrow(std::size_t run) noexcept {
    if (!window_is_given_ && run > share() && share() < most_items) this->widen();
  }

  // --- the thread

  void pull_all() noexcept override {
    std::unique_lock lock(this->mutex());
    while (wait_for_room(lock)) {
      this->begin_to_use_range();
      lock.unlock();
      const bool more = pull();
      lock.lock();
      this->end_to_use_range();
      if (!more) break;
      add(lock);
    }
    end(lock);
  }

  void pool_closes() noexcept override {
    std::unique_lock lock(this->mutex());
    if (std::exchange(pool_closes_, true)) return;
    last_number_ = this->numbered() + this->room();
    refill(lock);
  }

  void thread_ends() noexcept override { this->release(); }

  /// False: there is nothing more to pull.
  bool wait_for_room(std::unique_lock<std::mutex>& lock) noexcept {
    while (!this->is_exhausted() && !may_pull()) {
      if (pool_closes_ && !this->taken_together()) {
        this->pool_is_gone();
      } else {
        asleep_ = true;
        wake_.wait(lock);
        asleep_ = false;
      }
    }
    return !this->is_exhausted();
  }

  /// False: the range has ended; if by an error, that is there.
  bool pull() noexcept {
    std::optional<typename Source::element> element;
    try {
      if (!source_->pull(element)) return false;
    } catch (...) {
      error_ = std::current_exception();
      return false;
    }
    encoded_.clear();
    try {
      encode_item<Input>(encoded_, source_->get(*element));
    } catch (...) {
      refusal_ = std::current_exception();
    }
    return true;
  }

  /// What has just been pulled.
  void add(std::unique_lock<std::mutex>& lock) noexcept {
    try {
      slots fresh = this->spare(1);
      if (fresh.empty()) fresh.emplace_back();
      if (refusal_ != nullptr) {
        add_refused(fresh, lock);
      } else {
        add_encoded(fresh, lock);
      }
    } catch (...) {  // no memory
      this->exhaust(std::current_exception());
    }
    if (is_due()) hand_over(lock);
  }

  void add_encoded(slots& fresh, std::unique_lock<std::mutex>& lock) {
    if (open_ != nullptr && is_too_large_for(encoded_.size())) hand_over(lock);
    if (open_ == nullptr) open_ = std::make_unique<batch>(*this);
    open_->add(fresh.begin(), encoded_);
    this->admit(fresh);
  }

  /// It has failed by itself.
  void add_refused(slots& fresh, std::unique_lock<std::mutex>& lock) noexcept {
    const place s = fresh.begin();
    s->outcome.emplace(std::unexpect, std::exchange(refusal_, nullptr));
    this->admit(fresh);
    lock.unlock();
    this->show(s);
    lock.lock();
    this->end_items(1);
    this->tell(lock);
    lock.lock();
  }

  void end(std::unique_lock<std::mutex>& lock) noexcept {
    this->exhaust(std::move(error_));
    const bool frees = begin_to_free_range();  // before anybody hears that it is over
    if (open_ != nullptr) hand_over(lock);
    if (frees) end_to_free_range(lock);
    this->tell(lock);
  }

  // --- the range goes, once, when nobody will pull any more: with the thread, or with a consumer who leaves it

  void leave_range(std::unique_lock<std::mutex>& lock) noexcept override {
    if (begin_to_free_range()) end_to_free_range(lock);
  }
  bool begin_to_free_range() noexcept {
    if (std::exchange(range_is_freed_, true)) return false;
    this->begin_to_use_range();
    return true;
  }
  void end_to_free_range(std::unique_lock<std::mutex>& lock) noexcept {
    lock.unlock();
    source_.reset();
    lock.lock();
    this->end_to_use_range();
  }

  // --- turns of the supervisor

  /// So many more items of the batch have ended.
  void count(batch& b, std::size_t ended) noexcept {
    std::unique_lock lock(this->mutex());
    this->end_items(ended);
    runs_ -= b.end_runs();
    if (is_due()) hand_over(lock);
    refill(lock);
    this->tell(lock);
  }

  const std::shared_ptr<pool_core> pool_;
  const unsigned workers_;
  const call_target target_;
  const work_limits limits_;
  const std::size_t chunk_;
  const bool window_is_given_;
  run_pace pace_;

  // The thread's own.
  std::optional<Source> source_;     // also for who frees it
  byte_buffer encoded_{to_be_sent};  // the input that was pulled last, …
  std::exception_ptr refusal_;       // … or why it could not be encoded
  std::exception_ptr error_;         // the range's

  // Guarded by the lock.
  std::unique_ptr<batch> open_;
  std::size_t runs_ = 0;  // in the pool, as far as is known: a batch is divided into as many as it has chunks
  bool asleep_ = false;   // and nobody has woken it
  std::condition_variable wake_;
  bool pool_closes_ = false;
  std::size_t last_number_ = 0;  // up to which it pulls then, if nobody takes results together
  bool range_is_freed_ = false;
};

/// Inputs in a row, but for those that could not be encoded, and where their outcomes go.
template <class R, class Input, class Source>
class pulled_map<R, Input, Source>::batch final : public remote_work {
 public:
  explicit batch(pulled_map& map) noexcept : remote_work(map.target_, map.limits_), map_(map) { map.add_reference(); }

  std::size_t size() const noexcept { return items_.size(); }
  std::size_t bytes() const noexcept { return inputs_.size(); }

  /// Takes the bytes, perhaps with the buffer. If it throws, nothing may be added any more.
  void add(place slot, byte_buffer& input) {
    if (items_.empty()) {
      inputs_.swap(input);
    } else {
      inputs_.append(input);
    }
    items_.push_back({slot, inputs_.size()});
    ++left_;
  }

  // --- under the map's lock

  /// It is going to the pool, where workers get `run` items at a time, or as many as the pool likes. Returns how many
  /// runs that makes.
  std::size_t begin_runs(std::size_t run) noexcept {
    run_ = std::max<std::size_t>(1, run);
    return runs_ = (left_ + run_ - 1) / run_;
  }
  /// How many of them have ended since.
  std::size_t end_runs() noexcept {
    const std::size_t left = (left_ + run_ - 1) / run_;
    return std::exchange(runs_, left) - left;
  }
  /// The pool did not take it. Returns how many runs that were.
  std::size_t take_back() noexcept {
    for (const item& i : items_) map_.forget(i.slot);
    left_ = 0;
    return runs_;
  }

  // --- the pool's

  bool begin() noexcept override { return !map_.drops_rest(); }
  outgoing_message encoded(std::size_t first, std::size_t count) const noexcept override {
    const std::size_t begin = first == 0 ? 0 : items_[first - 1].end;
    return inputs_.part(begin, items_[first + count - 1].end - begin);
  }
  void succeeded(std::size_t item, const incoming_message& value) noexcept override {
    end(item, decode_result<R>(value));
  }
  void failed(std::size_t item, std::exception_ptr error) noexcept override {
    end(item, std::unexpected(std::move(error)));
  }
  bool is_map() const noexcept override { return true; }
  std::size_t number_of(std::size_t item) const noexcept override { return items_[item].slot->number; }
  void retain() noexcept override { references_.fetch_add(1, std::memory_order_relaxed); }
  void took(std::size_t count, duration each) noexcept override { map_.pace_.learn(each, count); }
  void drop() noexcept override { release(); }

  // ---

  void release() noexcept {
    // As with a future's block: the last one sees what all did.
    if (references_.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
    for (std::size_t i = 0; left_ != 0; ++i) {  // what the pool was not to begin any more
      if (!items_[i].reported) end(i, std::unexpected(std::exception_ptr()));
    }
    pulled_map& map = map_;
    delete this;
    map.release();
  }

 private:
  struct item {
    place slot;       // until it is reported
    std::size_t end;  // of its input
    bool reported = false;
  };

  void end(std::size_t index, result<R>&& outcome) noexcept {
    item& i = items_[index];
    try {
      i.slot->outcome.emplace(std::move(outcome));
    } catch (...) {
      i.slot->outcome.emplace(std::unexpect, std::current_exception());
    }
    i.reported = true;
    map_.show(i.slot);
    --left_;
    if (++uncounted_ == run_ || left_ == 0) map_.count(*this, std::exchange(uncounted_, 0));
  }

  pulled_map& map_;
  byte_buffer inputs_{to_be_sent};
  std::vector<item> items_;
  std::atomic<std::uint32_t> references_ = 1;

  // In turns of the supervisor, from when it has gone to the pool.
  std::size_t run_ = 1;        // items that make a run
  std::size_t runs_ = 0;       // not ended
  std::size_t left_ = 0;       // items, not reported
  std::size_t uncounted_ = 0;  // reported since count()
};

/// The map of a process pool, of inputs that are pulled.
template <class R, class Input, class Inputs>
state_ptr<map_state<R>> start_pulled_map(const std::shared_ptr<pool_core>& pool, pull_threads& threads,
                                         unsigned workers, const call_target& target, Inputs&& inputs,
                                         map_options options) {
  using source = input_source<Inputs>;
  using map = pulled_map<R, Input, source>;
  state_ptr job(new map(pool, workers, target, source(std::forward<Inputs>(inputs)), options));
  job->start(threads);
  return job;
}

}  // namespace fanout::detail
