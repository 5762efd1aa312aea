// SPDX-License-Identifier: Apache-2.0
// A map whose inputs are pulled one after another, as its consumer gets on.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <exception>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "fanout/detail/chunks.hpp"
#include "fanout/detail/map_state.hpp"
#include "fanout/detail/misuse.hpp"
#include "fanout/detail/pool_link.hpp"
#include "fanout/detail/pool_task.hpp"
#include "fanout/errors.hpp"
#include "fanout/executor.hpp"
#include "fanout/map.hpp"
#include "fanout/result.hpp"

namespace fanout::detail {

/// One lock guards everything but what a slot holds, which is its worker's from when it is pulled until it has ended.
/// Neither the range nor the function is called under the lock.
///
///   an input:   pulled ──▶ runs ──▶ ended ──▶ taken: by the consumer (each), put with the others (all), or dropped
///                                             (nobody)
///   in flight:  pulled and not taken; with all and nobody, who do not hold anything up: pulled and not ended
///
///   a helper:   idle ──refill()──▶ active: posted, then pulls a chunk, runs it, pulls …
///                 ▲                  │
///                 └──────────────────┘ when it may not pull: the window is full, or another pulls, or nothing is to
///                                      come any more. It leaves: no worker waits
///
/// No wake-up is lost, because whatever ends a reason to leave calls refill(), under the lock under which the helper
/// saw that reason and left: whoever has pulled, for another can pull now; the consumer, when it has taken an item,
/// decides how to, or is about to wait. refill() makes one helper active; that one, when it has pulled, the next.
///
/// The pool may be gone when a helper is to be posted. Then nothing more comes: pool_closed is the last result.
template <class R, class Function, class Source>
class stream_map final : public map_state<R> {
 public:
  /// `pool` is null if helpers run where they are posted.
  stream_map(task_home home, std::shared_ptr<pool_link> pool, unsigned workers, Function&& f, Source&& source,
             map_options options)
      : map_state<R>(home.where, 1),
        phase_(home.phase),
        pool_(std::move(pool)),
        f_(std::move(f)),
        source_(std::move(source)),
        chunk_(std::min(options.chunk, most_in_chunk)),
        ordered_(options.ordered),
        window_is_given_(options.window != 0),
        helpers_(workers),
        window_(window_is_given_ ? options.window : std::size_t{32} * workers) {}

  ~stream_map() override {
    const std::exception_ptr& error = first_error_ != nullptr ? first_error_ : last_error_;
    if (!this->is_seen() && error != nullptr) report_unseen(error);
  }

  /// Once, before anybody else knows it.
  void start() {
    std::unique_lock lock(mutex_);
    refill(lock);
  }

  void take_as(taken_as how) noexcept override {
    mine_.clear();
    used_.clear();
    std::unique_lock lock(mutex_);
    if (how == taken_as::nobody && Source::is_lazy) {
      exhausted_ = true;
      if (taken() == taken_as::each) drops_rest_.store(true, std::memory_order_relaxed);
      while (pulling_) pull_ended_.wait(lock);  // from here on the range, and what it refers to, may go
    }
    taken_as_.store(how, std::memory_order_relaxed);
    if (taken_together()) {
      restore_order();
      take_ended();
    }
    tell(lock);
  }

  mapped_values<R> values() override {
    this->seen();
    for (std::exception_ptr* const error : {&first_error_, &last_error_}) {
      if (*error != nullptr)
        std::rethrow_exception(std::move(*error));  // the consumer's alone: threads would share its object
    }
    if constexpr (!std::is_void_v<R>) return std::move(values_);
  }

  bool ready() noexcept override {
    if (!mine_.empty()) return true;
    std::unique_lock lock(mutex_);
    give_room();
    if (!has_next()) refill(lock);  // a consumer about to wait: whatever there is room for should be under way
    return has_next();
  }
  // The waiter, then the slot, here; the slot, then the waiter, in show(); all seq_cst: one sees the other.
  bool register_waiter(waiter& w) noexcept override {
    const std::lock_guard lock(mutex_);
    if (waiter_ != nullptr) terminate_for("two at once wait for the next item of one map");
    waiter_.store(&w, std::memory_order_seq_cst);
    if (!has_next()) return true;
    waiter_.store(nullptr, std::memory_order_relaxed);
    return false;
  }
  bool unregister_waiter(waiter& w) noexcept override {
    const std::lock_guard lock(mutex_);
    if (waiter_ != &w) return false;
    waiter_.store(nullptr, std::memory_order_relaxed);
    return true;
  }

  std::optional<result<R>> next() override {
    this->seen();
    if (mine_.empty()) {
      const std::lock_guard lock(mutex_);
      fetch();
    }
    if (mine_.empty()) {
      if (last_error_ == nullptr) return std::nullopt;
      return std::unexpected(std::exchange(last_error_, nullptr));
    }
    std::optional<result<R>> taken = std::move(mine_.front().outcome);
    used_.splice(used_.end(), mine_, mine_.begin());
    if (used_.size() > give_room_after_) {  // not for every single one
      std::unique_lock lock(mutex_);
      give_room();
      refill(lock);
    }
    return taken;
  }

 private:
  using element = typename Source::element;

  struct slot {
    std::size_t number = 0;  // of its input
    std::optional<element> input;
    std::optional<result<R>> outcome;
    // The outcome is there, and its worker will not come back to this. Stored by show(), with no lock, or under it.
    std::atomic<bool> ended = false;
  };
  using slots = std::list<slot>;
  using place = typename slots::iterator;

  static constexpr std::size_t most_in_chunk = 256;

  /// What a helper has pulled.
  struct chunk {
    std::array<place, most_in_chunk> places;
    std::size_t size = 0;
  };

  struct helper : op {
    helper() noexcept
        : op([](op& self) noexcept { static_cast<helper&>(self).map->help(static_cast<helper&>(self)); }) {}
    stream_map* map = nullptr;
    bool active = false;
  };

  // --- under the lock

  bool may_pull() const noexcept { return !exhausted_ && !pulling_ && in_flight_ < window_; }

  /// All has ended, and nothing more will come.
  bool over() const noexcept { return exhausted_ && !pulling_ && running_ == 0; }

  bool has_next() const noexcept {
    const slots& from = ordered_ ? pulled_ : ended_;
    return (!from.empty() && from.front().ended.load(std::memory_order_seq_cst)) || over();
  }

  /// The consumer has looked at these.
  void give_room() noexcept {
    give_room_after_ = window_ / 4;
    in_flight_ -= used_.size();
    while (!used_.empty()) recycle(used_, used_.begin());
  }

  /// Gets the consumer what it can have without a wait, so that it need not come for every single one.
  void fetch() noexcept {
    slots& from = ordered_ ? pulled_ : ended_;
    const auto end =
        std::ranges::find_if_not(from, [](const slot& s) { return s.ended.load(std::memory_order_acquire); });
    mine_.splice(mine_.end(), from, from.begin(), end);
  }

  /// Nobody looks at single items any more.
  bool taken_together() const noexcept { return taken() == taken_as::all || taken() == taken_as::nobody; }
  taken_as taken() const noexcept { return taken_as_.load(std::memory_order_relaxed); }

  /// Makes another helper active if there is something to do for it. Posts it without the lock, which is held again, or
  /// not, afterwards: look again.
  void refill(std::unique_lock<std::mutex>& lock) noexcept {
    if (!may_pull() || active_ == helpers_.size()) return;
    helper& h = *std::ranges::find(helpers_, false, &helper::active);
    h.map = this;
    h.active = true;
    ++active_;
    this->add_reference();
    lock.unlock();
    if (pool_ == nullptr) {
      h.run(h);
    } else if (!pool_->fork(h)) {
      pool_is_gone(h);
    }
    lock.lock();
  }

  /// For who takes them together: in the order of the inputs, or in any if nobody looks.
  void take_ended() noexcept {
    for (auto s = pulled_.begin(); s != pulled_.end();) {
      const place next = std::next(s);
      if (s->ended.load(std::memory_order_acquire)) {
        keep(*s->outcome);
        recycle(pulled_, s);
      } else if (taken() == taken_as::all) {
        break;
      }
      s = next;
    }
    in_flight_ = running_;
  }

  void keep(result<R>& outcome) noexcept {
    if (first_error_ != nullptr) return;
    if (!outcome.has_value()) {
      first_error_ = std::move(outcome.error());  // none, if it was dropped
    } else if constexpr (!std::is_void_v<R>) {
      if (taken() == taken_as::nobody) return;
      try {
        values_.push_back(*std::move(outcome));
      } catch (...) {
        first_error_ = std::current_exception();
      }
    }
  }

  /// Those that have ended go back among the others: who takes them together has them in the order of the inputs.
  void restore_order() noexcept {
    const auto by_number = [](const slot& a, const slot& b) { return a.number < b.number; };
    ended_.sort(by_number);
    pulled_.merge(ended_, by_number);
  }

  void recycle(slots& from, place s) noexcept {
    s->outcome.reset();
    s->ended.store(false, std::memory_order_relaxed);
    if (spare_.size() < window_) {
      spare_.splice(spare_.begin(), from, s);
    } else {
      from.erase(s);
    }
  }

  /// After a change: whoever waits for it learns of it. Releases the lock. The caller holds a reference.
  void tell(std::unique_lock<std::mutex>& lock) noexcept {
    if (taken_together()) refill(lock);
    waiter* const woken = has_next() ? waiter_.exchange(nullptr, std::memory_order_relaxed) : nullptr;
    const bool ends = over() && !finished_;
    if (ends) finished_ = true;
    lock.unlock();
    if (ends) this->event().finish();
    if (woken != nullptr) woken->notify();
  }

  // --- helpers

  void help(helper& h) noexcept {
    chunk_pace pace;
    chunk mine;
    while (pull(h, pace, mine)) {
      pace.begin();
      run(mine);
      pace.end(mine.size);
    }
    this->release();
  }

  /// False: it may not, and is not active any more.
  bool pull(helper& h, const chunk_pace& pace, chunk& into) noexcept {
    std::unique_lock lock(mutex_);
    if (!may_pull()) {
      leave(h, lock);
      return false;
    }
    pulling_ = true;
    const std::size_t wanted = std::min(size_of_next(pace), window_ - in_flight_);
    slots fresh;
    fresh.splice(fresh.end(), spare_, spare_.begin(), std::next(spare_.begin(), smaller(wanted, spare_.size())));
    lock.unlock();
    std::exception_ptr error;
    const bool more = fill(fresh, wanted, error);
    lock.lock();
    pulling_ = false;
    if (exhausted_) pull_ended_.notify_all();
    if (!more) exhausted_ = true;
    if (error != nullptr) last_error_ = std::move(error);
    admit(fresh, into);
    refill(lock);
    tell(lock);
    return true;
  }

  /// All helpers should find something. A window that is ours to choose grows if it is what limits the pace of items
  /// that are soon over: else everybody would sleep and wake for a few of them at a time.
  std::size_t size_of_next(const chunk_pace& pace) noexcept {
    if (chunk_ != 0) return chunk_;
    const std::size_t share = std::max<std::size_t>(1, window_ / (2 * helpers_.size()));
    if (pace.size() > share && share < most_in_chunk && !window_is_given_) window_ *= 2;
    return std::min({pace.size(), share, most_in_chunk});
  }

  static std::ptrdiff_t smaller(std::size_t a, std::size_t b) noexcept {
    return static_cast<std::ptrdiff_t>(std::min(a, b));
  }

  void leave(helper& h, std::unique_lock<std::mutex>& lock) noexcept {
    h.active = false;
    --active_;
    tell(lock);
  }

  /// False: the range has ended; if by an error, that is there. Leaves those in `fresh` that have an input.
  bool fill(slots& fresh, std::size_t wanted, std::exception_ptr& error) noexcept {
    bool more = true;
    auto s = fresh.begin();
    try {
      for (std::size_t filled = 0; filled < wanted; ++filled, ++s) {
        if (s == fresh.end()) s = fresh.emplace(s);
        if (!(more = source_.pull(s->input))) break;
      }
    } catch (...) {
      error = std::current_exception();
      more = false;
    }
    fresh.erase(s, fresh.end());
    return more;
  }

  void admit(slots& fresh, chunk& into) noexcept {
    into.size = 0;
    for (auto s = fresh.begin(); s != fresh.end(); ++s) {
      s->number = numbered_++;
      into.places[into.size++] = s;
    }
    in_flight_ += into.size;
    running_ += into.size;
    pulled_.splice(pulled_.end(), fresh);
  }

  void run(chunk& mine) noexcept {
    std::size_t shown = 0;
    for (std::size_t i = 0; i < mine.size; ++i) {
      run(*mine.places[i]);
      if (!is_watched()) continue;
      for (; shown <= i; ++shown) show(mine.places[shown]);  // one by one while somebody may look at single items
    }
    end(mine.size, std::span(mine.places).subspan(shown, mine.size - shown));
  }

  void run(slot& s) noexcept {
    if (drops_rest_.load(std::memory_order_relaxed)) {
      s.outcome.emplace(std::unexpect, nullptr);
    } else if (phase_ != nullptr && phase_->cancels()) {
      s.outcome.emplace(std::unexpect, std::make_exception_ptr(cancelled()));
    } else {
      s.outcome.emplace(outcome_of<R>(
          [&]() -> R { return f_(s.number, static_cast<typename Function::input_type>(source_.get(*s.input))); }));
    }
    s.input.reset();
  }

  bool is_watched() const noexcept { return taken() == taken_as::undecided || taken() == taken_as::each; }

  /// The consumer may have it, and anything may become of the slot.
  void show(place s) noexcept {
    if (ordered_) {
      s->ended.store(true, std::memory_order_seq_cst);
      if (waiter_.load(std::memory_order_seq_cst) == nullptr) return;
    }
    std::unique_lock lock(mutex_);
    if (!ordered_) put_by_end(s);
    tell(lock);
  }

  void put_by_end(place s) noexcept {
    s->ended.store(true, std::memory_order_relaxed);
    if (!taken_together()) ended_.splice(ended_.end(), pulled_, s);
  }

  /// So many have, of which these have not been shown.
  void end(std::size_t count, std::span<const place> not_shown) noexcept {
    std::unique_lock lock(mutex_);
    running_ -= count;
    for (const place s : not_shown) ordered_ ? s->ended.store(true, std::memory_order_relaxed) : put_by_end(s);
    if (taken_together()) take_ended();
    tell(lock);
  }

  void pool_is_gone(helper& h) noexcept {
    std::unique_lock lock(mutex_);
    if (!exhausted_) {
      exhausted_ = true;
      try {
        last_error_ = std::make_exception_ptr(pool_closed(
            "map: its pool is gone; inputs that are pulled, or that a window holds back, need it for as long as there "
            "are some"));
      } catch (...) {
        last_error_ = std::current_exception();
      }
    }
    leave(h, lock);
    this->release();
  }

  const pool_phase* const phase_;  // read by helpers: it lives as long as they run
  const std::shared_ptr<pool_link> pool_;
  Function f_;
  Source source_;  // whoever pulls uses it
  const std::size_t chunk_;
  const bool ordered_;
  const bool window_is_given_;

  // The consumer's, who looks at them one by one; they are in flight.
  slots mine_;  // ended
  slots used_;  // looked at
  std::size_t give_room_after_ = 0;

  std::mutex mutex_;  // guards the rest
  slots pulled_;      // in the order of the inputs: taken from here, or, if it does not matter, moved to …
  slots ended_;       // … this one, in the order in which they ended
  slots spare_;
  std::vector<helper> helpers_;
  std::size_t window_;
  std::size_t active_ = 0;     // helpers
  std::size_t numbered_ = 0;   // inputs pulled so far
  std::size_t in_flight_ = 0;  // at most window_
  std::size_t running_ = 0;    // pulled and not ended
  bool pulling_ = false;       // a helper uses source_
  std::condition_variable pull_ended_;
  bool exhausted_ = false;  // nothing more is pulled
  bool finished_ = false;
  std::exception_ptr first_error_;  // of those that were taken together
  std::exception_ptr last_error_;   // the range's, or that the pool is gone: comes after all items
  [[no_unique_address]] std::conditional_t<std::is_void_v<R>, std::monostate, std::vector<stored_t<R>>> values_;
  std::atomic<waiter*> waiter_ = nullptr;  // written under the lock; see register_waiter
  // Written under the lock. Workers read them without: late is good enough.
  std::atomic<taken_as> taken_as_ = taken_as::undecided;
  std::atomic<bool> drops_rest_ = false;
};

}  // namespace fanout::detail
