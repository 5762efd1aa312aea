// SPDX-License-Identifier: Apache-2.0
// The map of thread_pool and serial_executor: workers help themselves to chunks of the inputs.
#pragma once

#include <algorithm>
#include <cstddef>
#include <exception>
#include <memory>
#include <type_traits>
#include <utility>
#include <vector>

#include "fanout/detail/chunks.hpp"
#include "fanout/detail/item_function.hpp"
#include "fanout/detail/map_inputs.hpp"
#include "fanout/detail/map_state.hpp"
#include "fanout/detail/pool_link.hpp"
#include "fanout/detail/pool_task.hpp"
#include "fanout/detail/stream_map.hpp"
#include "fanout/errors.hpp"
#include "fanout/executor.hpp"
#include "fanout/map.hpp"

namespace fanout::detail {

/// Where there are inputs to index. Referenced by the mapped<R> and by every helper that is posted.
template <class R, class Function, class Inputs>
class pool_map final : public whole_map<R> {
 public:
  pool_map(task_home home, unsigned workers, Function&& f, input_source<Inputs>&& inputs, map_options options)
      : whole_map<R>(inputs.size(), options.ordered, home.where),
        phase_(home.phase),
        f_(std::move(f)),
        inputs_(std::move(inputs)),
        chunks_(this->size(), workers, options.chunk),
        helpers_(this->size() == 0 ? 0 : std::min<std::size_t>(workers, chunks_.chunks())) {}

  bool run_here() noexcept override { return help(); }

  /// Once; `post(op&)` has each helper run.
  template <class Post>
  void start(Post&& post) noexcept {
    for (helper& h : helpers_) {
      h.map = this;
      this->add_reference();
      post(static_cast<op&>(h));
    }
  }

 private:
  struct helper : op {
    helper() noexcept
        : op([](op& self) noexcept {
            pool_map& job = *static_cast<helper&>(self).map;
            job.help();
            job.release();
          }) {}
    pool_map* map = nullptr;
  };

  /// Until nothing is left to begin. True: there was something.
  bool help() noexcept {
    bool helped = false;
    for (chunk_pace pace; help_once(pace);) helped = true;
    return helped;
  }

  bool help_once(chunk_pace& pace) noexcept {
    const item_chunk chunk = chunks_.take(pace.size());
    if (chunk.empty()) return false;
    // Piece by piece, where somebody asked for large chunks: whether it is still to begin is asked before each.
    for (item_chunk piece{chunk.first, chunk.first}; piece.first != chunk.end; piece.first = piece.end) {
      piece.end = std::min(chunk.end, piece.first + pace.size());
      pace.begin();
      run_piece(piece);
      pace.end(piece.size());
    }
    this->end_items(chunk.size());
    return true;
  }

  void run_piece(item_chunk piece) noexcept {
    if (phase_ != nullptr && phase_->cancels()) {
      for (std::size_t i = piece.first; i != piece.end; ++i) this->publish_item(i, []() -> R { throw cancelled(); });
    } else if (this->is_watched()) {
      run_watched(piece);
    } else {
      run(piece);
    }
  }

  void run_watched(item_chunk chunk) noexcept {
    for (std::size_t i = chunk.first; i != chunk.end; ++i) {
      this->publish_item(i, [this, i]() -> R { return f_(i, inputs_.get(i)); });
    }
  }

  /// A plain loop, which the compiler may unroll and vectorize; an error leaves it, and it goes on after that item.
  void run(item_chunk chunk) noexcept {
    std::size_t i = chunk.first;
    while (i != chunk.end) {
      try {
        auto in = inputs_.from(0);
        using offset = std::iter_difference_t<decltype(in)>;
        if constexpr (assignable_in_place<R>) {
          R* const out = this->places().data();
          for (; i != chunk.end; ++i) out[i] = f_(i, *(in + static_cast<offset>(i)));
        } else {
          for (; i != chunk.end; ++i) {
            this->places().put(i, [&]() -> R { return f_(i, *(in + static_cast<offset>(i))); });
          }
        }
      } catch (...) {
        this->errors().put(i, std::current_exception());
        ++i;
      }
    }
  }

  const pool_phase* const phase_;
  Function f_;
  input_source<Inputs> inputs_;
  chunk_source chunks_;
  std::vector<helper> helpers_;  // linked into queues: made once, with their number
};

/// The map of a pool with so many workers, which `pool` leads to; null: all is run at once, by whoever asks for it.
template <class F, class Inputs>
auto start_map(task_home home, const std::shared_ptr<pool_link>& pool, unsigned workers, F&& f, Inputs&& inputs,
               map_options options) {
  using function = item_function<std::decay_t<F>, item_input_t<std::decay_t<F>, Inputs>>;
  using R = typename function::result_type;
  using source = input_source<Inputs>;
  function called(std::forward<F>(f), options.item_timeout, home.phase);
  source held(std::forward<Inputs>(inputs));
  if constexpr (!source::is_lazy) {
    if (options.window == 0) {
      using job_type = pool_map<R, function, Inputs>;
      state_ptr job(new job_type(home, workers, std::move(called), std::move(held), options));
      job->start([where = home.where](op& helper) { where != nullptr ? where->fork(helper) : helper.run(helper); });
      return mapped<R>(std::move(job));
    }
  }
  state_ptr job(new stream_map<R, function, source>(home, pool, workers, std::move(called), std::move(held), options));
  job->start();
  return mapped<R>(std::move(job));
}

}  // namespace fanout::detail
