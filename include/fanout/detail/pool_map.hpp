// SPDX-License-Identifier: Apache-2.0
// thread_pool::map: workers help themselves to chunks of the inputs.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <deque>
#include <functional>
#include <type_traits>
#include <utility>

#include "fanout/detail/map_inputs.hpp"
#include "fanout/detail/map_state.hpp"
#include "fanout/detail/pool_task.hpp"
#include "fanout/executor.hpp"
#include "fanout/map.hpp"

namespace fanout::detail {

/// Referenced by the mapped<R> and by every helper that is posted.
template <class R, class F, class Inputs>
class pool_map final : public map_state<R> {
 public:
  template <class G>
  pool_map(const scheduler* home, G&& f, map_inputs<Inputs>&& inputs)
      : map_state<R>(inputs.size(), home), f_(std::forward<G>(f)), inputs_(std::move(inputs)) {}

  /// Once; `post(op&)` has each helper run. At most `helpers` workers at a time run it, `chunk` inputs in a row (0: an
  /// eighth of a worker's share).
  template <class Post>
  void start(Post&& post, unsigned helpers, std::size_t chunk) {
    chunk_ = chunk != 0 ? chunk : std::max<std::size_t>(1, this->size() / (std::size_t{8} * helpers));
    const std::size_t chunks = (this->size() + chunk_ - 1) / chunk_;
    for (std::size_t i = 0; i < std::min<std::size_t>(helpers, chunks); ++i) {
      this->add_reference();
      post(static_cast<op&>(helpers_.emplace_back(*this)));
    }
  }

 private:
  struct helper : op {
    explicit helper(pool_map& m) noexcept
        : op([](op& self) noexcept {
            pool_map& job = static_cast<helper&>(self).map;
            job.help();
            job.release();
          }),
          map(m) {}
    pool_map& map;
  };

  void help() noexcept {
    for (;;) {
      const std::size_t first = next_.fetch_add(chunk_, std::memory_order_relaxed);
      if (first >= this->size()) return;
      const std::size_t end = std::min(first + chunk_, this->size());
      for (std::size_t i = first; i < end; ++i) {
        this->publish(i, outcome_of<R>([this, i]() -> R { return std::invoke(f_, inputs_[i]); }));
      }
    }
  }

  F f_;
  map_inputs<Inputs> inputs_;
  std::size_t chunk_ = 1;
  std::atomic<std::size_t> next_ = 0;  // only hands out numbers: post() and publish() order the rest
  std::deque<helper> helpers_;         // a deque: they are linked into queues, and must stay where they are
};

/// The map of a pool with so many workers; `post` and `home` as for submit_task.
template <class Post, class F, class Inputs>
auto start_map(const scheduler* home, Post&& post, unsigned workers, F&& f, Inputs&& inputs, map_options options) {
  using function = std::decay_t<F>;
  using result_type = std::invoke_result_t<function&, map_input_t<Inputs>>;
  map_inputs<Inputs> held(std::forward<Inputs>(inputs));
  state_ptr job(new pool_map<result_type, function, Inputs>(home, std::forward<F>(f), std::move(held)));
  job->start(post, workers, options.chunk);
  return mapped<result_type>(std::move(job));
}

}  // namespace fanout::detail
