// SPDX-License-Identifier: Apache-2.0
// A map whose inputs are pulled by the workers that run them.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "fanout/detail/chunks.hpp"
#include "fanout/detail/pool_link.hpp"
#include "fanout/detail/pool_task.hpp"
#include "fanout/detail/windowed_map.hpp"
#include "fanout/executor.hpp"
#include "fanout/map.hpp"
#include "fanout/result.hpp"

namespace fanout::detail {

template <class R, class Element>
struct stream_slot : map_slot<R> {
  std::optional<Element> input;
};

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
class stream_map final : public windowed_map<R, stream_slot<R, typename Source::element>> {
  using base = windowed_map<R, stream_slot<R, typename Source::element>>;
  using typename base::place;
  using typename base::slots;

 public:
  /// `pool` is null if helpers run where they are posted.
  stream_map(task_home home, std::shared_ptr<pool_link> pool, unsigned workers, Function&& f, Source&& source,
             map_options options)
      : base(home.where, 1, options.ordered, Source::is_lazy,
             options.window != 0 ? options.window : std::size_t{32} * workers),
        phase_(home.phase),
        pool_(std::move(pool)),
        f_(std::move(f)),
        source_(std::move(source)),
        chunk_(std::min(options.chunk, most_in_chunk)),
        window_is_given_(options.window != 0),
        helpers_(workers) {}

  /// Once, before anybody else knows it.
  void start() {
    std::unique_lock lock(this->mutex());
    refill(lock);
  }

 private:
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

  bool may_pull() const noexcept { return !this->is_exhausted() && !this->is_pulling() && this->has_room(); }

  /// Makes another helper active if there is something to do for it. Posts it without the lock.
  void refill(std::unique_lock<std::mutex>& lock) noexcept override {
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
      lose_pool(h);
    }
    lock.lock();
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
    std::unique_lock lock(this->mutex());
    if (!may_pull()) {
      leave(h, lock);
      return false;
    }
    this->begin_to_use_range();
    const std::size_t wanted = std::min(size_of_next(pace), this->room());
    slots fresh = this->spare(wanted);
    lock.unlock();
    std::exception_ptr error;
    const bool more = fill(fresh, wanted, error);
    lock.lock();
    this->end_to_use_range();
    if (!more) this->exhaust(std::move(error));
    into.size = 0;
    for (auto s = fresh.begin(); s != fresh.end(); ++s) into.places[into.size++] = s;
    this->admit(fresh);
    refill(lock);
    this->tell(lock);
    return true;
  }

  /// All helpers should find something. A window that is ours to choose grows if it is what limits the pace of items
  /// that are soon over: else everybody would sleep and wake for a few of them at a time.
  std::size_t size_of_next(const chunk_pace& pace) noexcept {
    if (chunk_ != 0) return chunk_;
    const std::size_t share = std::max<std::size_t>(1, this->window() / (2 * helpers_.size()));
    if (pace.size() > share && share < most_in_chunk && !window_is_given_) this->widen();
    return std::min({pace.size(), share, most_in_chunk});
  }

  void leave(helper& h, std::unique_lock<std::mutex>& lock) noexcept {
    h.active = false;
    --active_;
    this->tell(lock);
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

  void run(chunk& mine) noexcept {
    for (std::size_t i = 0; i < mine.size; ++i) {
      run(*mine.places[i]);
      this->show(mine.places[i]);
    }
    std::unique_lock lock(this->mutex());
    this->end_items(mine.size);
    this->tell(lock);
  }

  void run(stream_slot<R, typename Source::element>& s) noexcept {
    if (this->drops_rest()) {
      s.outcome.emplace(std::unexpect, nullptr);
    } else if (phase_ != nullptr && phase_->cancels()) {
      s.outcome.emplace(std::unexpect, std::make_exception_ptr(cancelled()));
    } else {
      s.outcome.emplace(outcome_of<R>(
          [&]() -> R { return f_(s.number, static_cast<typename Function::input_type>(source_.get(*s.input))); }));
    }
    s.input.reset();
  }

  void lose_pool(helper& h) noexcept {
    std::unique_lock lock(this->mutex());
    this->pool_is_gone();
    leave(h, lock);
    this->release();
  }

  const pool_phase* const phase_;  // read by helpers: it lives as long as they run
  const std::shared_ptr<pool_link> pool_;
  Function f_;
  Source source_;  // whoever pulls uses it
  const std::size_t chunk_;
  const bool window_is_given_;

  // Guarded by the lock.
  std::vector<helper> helpers_;
  std::size_t active_ = 0;
};

}  // namespace fanout::detail
