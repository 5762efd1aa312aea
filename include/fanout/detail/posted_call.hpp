// SPDX-License-Identifier: Apache-2.0
// Callables given to post(fn).
#pragma once

#include <memory>
#include <type_traits>
#include <utility>

#include "fanout/detail/frame_pool.hpp"
#include "fanout/executor.hpp"
#include "fanout/task.hpp"

namespace fanout::detail {

/// Lives until it has run.
template <class F>
struct posted_call : op, pooled {
  template <class G>
  explicit posted_call(G&& f)
      : op([](op& self) noexcept {
          const std::unique_ptr<posted_call> call(static_cast<posted_call*>(&self));
          std::move(call->function)();
        }),
        function(std::forward<G>(f)) {}
  F function;
};

/// Something that post(fn) takes: what is called with no arguments, and is not an op, which is posted as it is.
template <class F>
concept postable = std::is_invocable_v<std::decay_t<F>> && !std::is_base_of_v<op, std::remove_cvref_t<F>>;

template <class F>
constexpr void check_posted() noexcept {
  static_assert(!is_task<std::invoke_result_t<std::decay_t<F>>>,
                "fanout: post takes a function, not a coroutine: nobody would await the task that it makes, and the "
                "captures of a lambda would be gone. Spawn it, in a function that is posted: post([] { "
                "static_cast<void>(fanout::spawn(f(…))); })");
}

template <postable F>
void post_call(scheduler& where, F&& f) {
  check_posted<F>();
  where.post(*new posted_call<std::decay_t<F>>(std::forward<F>(f)));
}

}  // namespace fanout::detail
