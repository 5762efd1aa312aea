// SPDX-License-Identifier: Apache-2.0
// thread_pool: work for the CPUs of this machine, in this process.
#pragma once

#include <cstddef>
#include <initializer_list>
#include <memory>
#include <ranges>
#include <string>
#include <utility>
#include <vector>

#include "fanout/detail/for_each.hpp"
#include "fanout/detail/pool_link.hpp"
#include "fanout/detail/pool_map.hpp"
#include "fanout/detail/pool_task.hpp"
#include "fanout/detail/posted_call.hpp"
#include "fanout/detail/root_task.hpp"
#include "fanout/executor.hpp"
#include "fanout/future.hpp"
#include "fanout/map.hpp"
#include "fanout/task.hpp"
#include "fanout/workers.hpp"

namespace fanout {

struct thread_pool_options {
  unsigned workers = default_workers();
  std::string name = {};       ///< of its threads in `top -H`, at most 15 bytes; empty: "fanout"
  std::size_t stack_size = 0;  ///< bytes per thread; 0: the system's default
};

/// A fixed number of threads that run tasks, oldest first. All members may be called from any thread, tasks of the pool
/// included: a worker that waits for a future of its own pool runs other work of it meanwhile, the newest first, so
/// waiting for what one has submitted cannot deadlock; not while one holds a lock, though, that such work may want.
/// Waits that nest until the stack is nearly used up throw fanout::error. No task runs on a thread outside the pool.
/// Idle workers sleep.
class thread_pool final : public scheduler {
 public:
  /// Throws fanout::error for 0 workers, std::system_error if a thread cannot be started.
  explicit thread_pool(unsigned workers = default_workers());
  explicit thread_pool(thread_pool_options options);
  /// Runs all that was submitted, posted or spawned to its end. Not on a worker of this pool.
  ~thread_pool();

  /// Calls f(args...) on a worker, with copies of the arguments (moved in where they are rvalues, std::ref to share).
  /// `f` may be any callable, move-only too. If it can only be called with a stop_token first, it gets one, and
  /// future::cancel asks it to stop.
  template <class F, class... Args>
  future<detail::call_result_t<F, Args...>> submit(F&& f, Args&&... args) {
    return detail::submit_task(this, [this](op& work) { post(work); }, std::forward<F>(f), std::forward<Args>(args)...);
  }

  /// Calls f(input) for every input, on all workers. `f` is shared: it must bear being called from several threads. An
  /// rvalue range is moved in; an lvalue range must outlive the result, and stay as it is meanwhile. A range that has
  /// no size, or can only be passed over, is pulled as the results are taken, and may be without end. Throws
  /// fanout::error if there is an item_timeout, and `f` takes no stop_token first.
  template <class F, std::ranges::input_range Inputs>
  auto map(F&& f, Inputs&& inputs, map_options options = {}) {
    return detail::start_map(this, link_.link(), workers(), std::forward<F>(f), std::forward<Inputs>(inputs), options);
  }

  /// The same for a list of values: map(f, {1, 2, 3}).
  template <class F, class Input>
  auto map(F&& f, std::initializer_list<Input> inputs, map_options options = {}) {
    return map(std::forward<F>(f), std::vector<Input>(inputs), options);
  }

  /// Calls f(x) for every x of the range, in place, on all workers, and blocks until that is done. When one throws no
  /// more are begun; when all that were have ended, the error of the first of them in the range's order is thrown. A
  /// worker of this pool that calls it takes part.
  template <class F, std::ranges::contiguous_range Range>
    requires std::ranges::sized_range<Range>
  void for_each(F&& f, Range&& range) {
    detail::for_each_on(*this, workers(), f, std::ranges::data(range), std::ranges::size(range));
  }

  /// Runs `f()` on a worker; nobody learns of its end. An exception that leaves it ends the program.
  template <detail::postable F>
  void post(F&& f) {
    detail::post_call(*this, std::forward<F>(f));
  }

  /// Runs a coroutine, and what it gathers, on all workers. Blocks until it has ended; returns its value or throws its
  /// error.
  template <class T>
  T run(task<T> main) {
    detail::root_task<T> root(std::move(main), *this);
    post(root.start());
    detail::wait_for(root.ended(), static_cast<const scheduler*>(this));
    return root.unwrap();
  }

  template <detail::returns_task F>
  void run(F&&) = FANOUT_DELETED(FANOUT_CALL_IT);

  unsigned workers() const noexcept;

  void post(op& work) noexcept override;
  void post_at(time_point deadline, timer_op& timer) override;
  void expedite(timer_op& timer) noexcept override;

 private:
  struct state;
  const std::unique_ptr<state> state_;
  detail::pool_link_owner link_{*this};
};

}  // namespace fanout
