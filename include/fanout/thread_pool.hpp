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
#include "fanout/detail/pool_phase.hpp"
#include "fanout/detail/pool_task.hpp"
#include "fanout/detail/posted_call.hpp"
#include "fanout/detail/root_task.hpp"
#include "fanout/detail/schedule_awaiter.hpp"
#include "fanout/duration.hpp"
#include "fanout/executor.hpp"
#include "fanout/future.hpp"
#include "fanout/map.hpp"
#include "fanout/pool_stats.hpp"
#include "fanout/shutdown.hpp"
#include "fanout/task.hpp"
#include "fanout/workers.hpp"

namespace fanout {

namespace detail {
class crew;
}

struct thread_pool_options {
  unsigned workers = default_workers();
  std::string name = {};       ///< of its threads in `top -H`, at most 15 bytes; empty: "fanout"
  std::size_t stack_size = 0;  ///< bytes per thread; 0: the system's default
};

/// Threads that run tasks: so many at the same time as there are workers. All members may be called from any thread,
/// tasks of the pool included.
///
/// What is submitted from outside begins in its order. What a task submits, and what coroutines gather, begins with the
/// newest, on the same worker, while others help from the oldest on; so there is never much that has begun and not
/// ended. Everything has its turn.
///
/// A worker that waits for a future of its own pool runs other work meanwhile: what its task has submitted, and what it
/// waits for. If that is not enough its place is taken, for so long, by another thread of the pool; so waiting cannot
/// deadlock, as long as no task waits for the one that submitted it, or for a lock that one holds. Waits that nest
/// until the stack is nearly used up throw fanout::error. No task runs on a thread outside the pool. Idle workers
/// sleep.
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
    check_open();
    return detail::submit_task(
        {this, phase_.get()}, [this](op& work) { fork(work); }, std::forward<F>(f), std::forward<Args>(args)...);
  }

  /// Calls f(input) for every input, on all workers. `f` is shared: it must bear being called from several threads. An
  /// rvalue range is moved in; an lvalue range must outlive the result, and stay as it is meanwhile. A range that has
  /// no size, or can only be passed over, is pulled as the results are taken, and may be without end. Throws
  /// fanout::error if there is an item_timeout, and `f` takes no stop_token first.
  template <class F, std::ranges::input_range Inputs>
  auto map(F&& f, Inputs&& inputs, map_options options = {}) {
    check_open();
    return detail::start_map({this, phase_.get()}, link_.link(), workers(), std::forward<F>(f),
                             std::forward<Inputs>(inputs), options);
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
    check_open();
    detail::for_each_on(*this, phase_.get(), workers(), f, std::ranges::data(range), std::ranges::size(range));
  }

  /// Runs `f()` on a worker, after what was posted before, by whomever; nobody learns of its end. An exception that
  /// leaves it ends the program.
  template <detail::postable F>
  void post(F&& f) {
    detail::check_posted<F>();
    check_open();
    detail::post_call(*this, [phase = phase_.get(), function = std::decay_t<F>(std::forward<F>(f))]() mutable {
      if (!phase->cancels()) std::move(function)();
    });
  }

  /// Runs a coroutine, and what it gathers, on all workers. Blocks until it has ended; returns its value or throws its
  /// error.
  template <class T>
  T run(task<T> main) {
    check_open();
    const scheduler* const home = this;
    detail::waiting_context(home);  // throws before anything has begun
    detail::root_task<T> root(std::move(main), *this, phase_->get_token());
    root.count_in(*spawned());
    if (!try_fork(root.start())) throw_closed();
    detail::wait_for(root.ended(), home);
    return root.unwrap();
  }

  template <detail::returns_task F>
  void run(F&&) = FANOUT_DELETED(FANOUT_CALL_IT);

  /// `co_await pool.schedule()`: the coroutine goes on on this pool, and so does what it awaits from here on. When it
  /// ends, whoever awaits it goes on where they were. Throws `cancelled` if the coroutine is asked to stop,
  /// pool_closed if the pool was shut down.
  detail::schedule_awaiter schedule() {
    check_open();
    return detail::schedule_awaiter(*this, &try_post);
  }

  /// Takes no more work, except from its own tasks while it drains, and waits until all that there was has ended, or
  /// for `deadline`. True: all has, and so have the threads. False: it is still going on, and the destructor waits for
  /// it; or call this again, to wait longer or to be harsher. What is submitted from now on throws pool_closed. Throws
  /// fanout::error on a worker of this pool, which it would wait for.
  bool shutdown(shutdown_mode mode = shutdown_mode::drain, duration deadline = duration::max());

  unsigned workers() const noexcept;
  pool_stats stats() const noexcept;

  void post(op& work) noexcept override;
  void fork(op& work) noexcept override;
  bool offer(op& work) noexcept override;
  bool withdraw(op& work) noexcept override;
  void fork_all(op& first, op& last) noexcept override;
  void post_at(time_point deadline, timer_op& timer) override;
  void expedite(timer_op& timer) noexcept override;

 private:
  void check_open() const {
    if (!phase_->is_open()) [[unlikely]]
      check_whether_open_to_this_thread();
  }
  void check_whether_open_to_this_thread() const;
  [[noreturn]] static void throw_closed();
  static bool try_post(scheduler& self, op& work) noexcept;
  bool try_fork(op& work) noexcept;
  void cancel(op& work) noexcept;

  const std::unique_ptr<detail::pool_phase> phase_;
  const std::unique_ptr<detail::crew> crew_;
  detail::pool_link_owner link_{*this};
};

}  // namespace fanout
