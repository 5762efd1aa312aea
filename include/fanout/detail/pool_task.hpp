// SPDX-License-Identifier: Apache-2.0
// A callable given to a thread pool: queue link, callable, arguments, state and result in one block.
#pragma once

#include <exception>
#include <functional>
#include <optional>
#include <tuple>
#include <type_traits>
#include <utility>

#include "fanout/detail/future_state.hpp"
#include "fanout/detail/pool_phase.hpp"
#include "fanout/errors.hpp"
#include "fanout/executor.hpp"
#include "fanout/future.hpp"
#include "fanout/stop.hpp"
#include "fanout/task.hpp"

namespace fanout::detail {

/// A stop_token is passed first only if the callable cannot be called without.
template <class F, class... Args>
inline constexpr bool wants_stop_token =
    !std::is_invocable_v<F, Args...> && std::is_invocable_v<F, stop_token, Args...>;

template <class F, class... Args>
struct call_result {
  static_assert(std::is_invocable_v<F, Args...> || std::is_invocable_v<F, stop_token, Args...>,
                "fanout: the callable cannot be called with these arguments (they are passed as rvalues of their "
                "decayed types; pass std::ref(x) for what is to be shared)");
  using type = std::invoke_result_t<F, Args...>;
};
template <class F, class... Args>
  requires wants_stop_token<F, Args...>
struct call_result<F, Args...> {
  using type = std::invoke_result_t<F, stop_token, Args...>;
};

template <class R>
struct submitted_result {
  static_assert(!is_task<R>,
                "fanout: submit takes a function, not a coroutine: the callable, and with it the captures of a lambda, "
                "would be gone before the task runs. Run the task with pool.run(f(…)), or spawn(f(…)) on an executor");
  using type = R;
};
/// What a decayed copy of F returns for decayed copies of Args.
template <class F, class... Args>
using call_result_t =
    typename submitted_result<typename call_result<std::decay_t<F>, std::decay_t<Args>...>::type>::type;

/// Calls, and catches what it throws.
template <class R, class Call>
result<R> outcome_of(Call&& call) noexcept {
  try {
    if constexpr (std::is_void_v<R>) {
      std::forward<Call>(call)();
      return {};
    } else {
      return result<R>(std::in_place, std::forward<Call>(call)());
    }
  } catch (...) {
    return std::unexpected(std::current_exception());
  }
}

/// Where a task runs, if threads of a pool do that; and whether that pool still begins tasks, if it ever ceases to.
struct task_home {
  scheduler* where = nullptr;
  const pool_phase* phase = nullptr;
};

/// The stop_source of tasks that take a token; the others have none.
template <bool HasToken>
struct task_stop {
  explicit task_stop(const pool_phase* phase) noexcept : source(phase != nullptr ? phase->get_token() : stop_token()) {}
  stop_source source;
};
template <>
struct task_stop<false> {
  explicit task_stop(const pool_phase*) noexcept {}
};

/// Referenced by the queue and by the future. It belongs to whoever claims its completion: the worker that pops it, or
/// a cancel() that came before; then that worker drops it.
template <class R, class F, class... Args>
class pool_task final : public op, public future_state<R> {
 public:
  template <class G, class... As>
  explicit pool_task(task_home home, G&& f, As&&... args)
      : op(&run_and_release),
        future_state<R>(home.where, 2),
        phase_(home.phase),
        call_(std::in_place, std::forward<G>(f), std::forward<As>(args)...),
        stop_(home.phase) {}

  bool cancel(cancel_mode) override {
    if (this->event().claim()) {
      drop();
      return true;
    }
    if constexpr (takes_token) stop_.source.request_stop();
    return takes_token;
  }

  bool run_here() noexcept override {
    if (!this->event().claim()) return false;
    run_claimed();
    return true;
  }

 private:
  static constexpr bool takes_token = wants_stop_token<F, Args...>;

  static void run_and_release(op& self) noexcept {
    auto& task = static_cast<pool_task&>(self);
    task.run_here();
    task.release();
  }

  void run_claimed() noexcept {
    if (phase_ != nullptr && phase_->cancels()) return drop();
    result<R> outcome = outcome_of<R>([this]() -> R { return invoke(); });
    call_.reset();  // before anybody is told: what the task held is free when its result is there
    if constexpr (takes_token) stop_.source.unchain();  // the future may outlive the pool, and with it this block
    this->complete(std::move(outcome));
  }

  void drop() noexcept {
    call_.reset();
    this->fail(std::make_exception_ptr(cancelled()));
  }

  R invoke() {
    const auto call = [](auto&&... arguments) -> R { return std::invoke(std::move(arguments)...); };
    if constexpr (takes_token) {
      return std::apply([&](F& f, Args&... args) -> R { return call(f, stop_.source.get_token(), args...); }, *call_);
    } else {
      return std::apply(call, *call_);
    }
  }

  const pool_phase* const phase_;
  std::optional<std::tuple<F, Args...>> call_;
  [[no_unique_address]] task_stop<takes_token> stop_;
};

/// The submit of a pool: `post(op&)` sees to it that the task is run.
template <class Post, class F, class... Args>
future<call_result_t<F, Args...>> submit_task(task_home home, Post&& post, F&& f, Args&&... args) {
  using result_type = call_result_t<F, Args...>;
  auto* const work = new pool_task<result_type, std::decay_t<F>, std::decay_t<Args>...>(home, std::forward<F>(f),
                                                                                        std::forward<Args>(args)...);
  state_ptr<future_state<result_type>> state(work);
  post(static_cast<op&>(*work));
  return future_access::make(std::move(state));
}

}  // namespace fanout::detail
