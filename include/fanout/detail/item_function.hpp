// SPDX-License-Identifier: Apache-2.0
// The function of a map, called for one item: with a stop_token if it wants one, and only for so long.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <type_traits>
#include <utility>

#include "fanout/detail/deadline_watch.hpp"
#include "fanout/detail/map_inputs.hpp"
#include "fanout/detail/pool_task.hpp"
#include "fanout/duration.hpp"
#include "fanout/errors.hpp"
#include "fanout/stop.hpp"
#include "fanout/task.hpp"

namespace fanout::detail {

[[noreturn]] void throw_item_timed_out(std::size_t index, duration time);
[[noreturn]] void throw_item_takes_no_token();

template <class F, class Input>
inline constexpr bool takes_item = std::is_invocable_v<F&, Input> || std::is_invocable_v<F&, stop_token, Input>;

/// What the function is called with for each element: what get() gives, most often an lvalue; but if it can only take
/// its input over, an element that is nobody else's is given away.
template <class F, class Inputs>
struct item_input {
  using source = input_source<Inputs>;
  using given = decltype(std::declval<source&>().get(std::declval<typename source::element&>()));
  using moved = std::remove_reference_t<given>&&;
  using type = std::conditional_t<source::owns_elements && !takes_item<F, given> && takes_item<F, moved>, moved, given>;
};
template <class F, class Inputs>
using item_input_t = typename item_input<F, Inputs>::type;

template <class F, class Input>
class item_function {
 public:
  static_assert(takes_item<F, Input>, "fanout: the function of a map cannot be called with its inputs");
  static constexpr bool takes_token = wants_stop_token<F&, Input>;
  using input_type = Input;
  using result_type = typename std::conditional_t<takes_token, std::invoke_result<F&, stop_token, Input>,
                                                  std::invoke_result<F&, Input>>::type;
  static_assert(!is_task<result_type>, FANOUT_GATHER_THEM("map"));

  template <class G>
  item_function(G&& f, duration time, const pool_phase* phase) : f_(std::forward<G>(f)) {
    if constexpr (takes_token) {
      if (phase != nullptr) limit_.pools = phase->get_token();
    }
    if (time == duration::zero()) return;
    if constexpr (takes_token) {
      limit_.time = time;
      limit_.watch = deadline_watch::get();
    } else {
      throw_item_takes_no_token();
    }
  }

  result_type operator()([[maybe_unused]] std::size_t index, Input&& input) {
    if constexpr (!takes_token) {
      return std::invoke(f_, std::forward<Input>(input));
    } else if (limit_.watch == nullptr) {
      return std::invoke(f_, limit_.pools, std::forward<Input>(input));
    } else {
      return call_limited(index, std::forward<Input>(input));
    }
  }

 private:
  struct limit {
    stop_token pools;  // valid while the pool runs items
    duration time{};
    std::shared_ptr<deadline_watch> watch;
  };
  struct no_limit {};

  /// Its value if it has one after all; if it ended by being stopped for its time, timed_out.
  result_type call_limited(std::size_t index, Input&& input) {
    stop_source stop(limit_.pools);
    deadline_watch::item timed(*limit_.watch, stop, limit_.time);
    try {
      return std::invoke(f_, stop.get_token(), std::forward<Input>(input));
    } catch (const cancelled&) {
      if (!timed.end()) throw;
    }
    throw_item_timed_out(index, limit_.time);
  }

  F f_;
  [[no_unique_address]] std::conditional_t<takes_token, limit, no_limit> limit_;
};

}  // namespace fanout::detail
