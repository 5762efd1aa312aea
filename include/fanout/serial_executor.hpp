// SPDX-License-Identifier: Apache-2.0
// serial_executor: everything one after another, on the thread that asks.
#pragma once

#include <functional>
#include <initializer_list>
#include <memory>
#include <ranges>
#include <type_traits>
#include <utility>
#include <vector>

#include "fanout/detail/pool_map.hpp"
#include "fanout/detail/pool_task.hpp"
#include "fanout/detail/posted_call.hpp"
#include "fanout/detail/root_task.hpp"
#include "fanout/executor.hpp"
#include "fanout/future.hpp"
#include "fanout/map.hpp"
#include "fanout/task.hpp"

namespace fanout {

/// The face of a pool and of a loop without any other thread: submit and map call the function before they return, and
/// run() runs coroutines, with what they spawn and gather, in turns on the calling thread. For the model `serial`, for
/// debugging, and for tests that are to be the same every time. submit and map may be called from any thread, each on
/// its own behalf; run() from one at a time.
class serial_executor final : public scheduler {
 public:
  serial_executor();
  /// Runs what was posted and has not run yet. Not while it is running.
  ~serial_executor();

  /// Calls f(args...) at once, as thread_pool::submit does later. The future is ready.
  template <class F, class... Args>
  future<detail::call_result_t<F, Args...>> submit(F&& f, Args&&... args) {
    return detail::submit_task({}, run_now, std::forward<F>(f), std::forward<Args>(args)...);
  }

  /// Calls f(input) for every input, at once, in their order. As for any pool, though, inputs that are pulled, or that
  /// a window holds back, are run as the results are taken.
  template <class F, std::ranges::input_range Inputs>
  auto map(F&& f, Inputs&& inputs, map_options options = {}) {
    return detail::start_map({}, nullptr, workers(), std::forward<F>(f), std::forward<Inputs>(inputs), options);
  }

  /// The same for a list of values: map(f, {1, 2, 3}).
  template <class F, class Input>
  auto map(F&& f, std::initializer_list<Input> inputs, map_options options = {}) {
    return map(std::forward<F>(f), std::vector<Input>(inputs), options);
  }

  /// Calls f(x) for every x of the range, in place, in its order. The first error ends it.
  template <class F, std::ranges::contiguous_range Range>
    requires std::ranges::sized_range<Range>
  void for_each(F&& f, Range&& range) {
    static_assert(!detail::is_task<std::invoke_result_t<F&, std::ranges::range_reference_t<Range&>>>,
                  FANOUT_GATHER_THEM("for_each"));
    for (auto&& x : range) std::invoke(f, x);
  }

  /// Runs `f()` in the next run(). From any thread. An exception that leaves it ends the program.
  template <detail::postable F>
  void post(F&& f) {
    detail::post_call(*this, std::forward<F>(f));
  }

  /// As event_loop::run.
  template <class T>
  T run(task<T> main) {
    detail::root_task<T> root(std::move(main), *this);
    run_until(root.start(), root.ended());
    return root.unwrap();
  }

  template <detail::returns_task F>
  void run(F&&) = FANOUT_DELETED(FANOUT_CALL_IT);

  unsigned workers() const noexcept { return 1; }

  void post(op& work) noexcept override;
  void post_at(time_point deadline, timer_op& timer) override;
  void expedite(timer_op& timer) noexcept override;

 private:
  static void run_now(op& work) noexcept { work.run(work); }
  void run_until(op& root, detail::completion& ended);

  struct state;
  const std::unique_ptr<state> state_;
};

}  // namespace fanout
