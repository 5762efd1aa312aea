// SPDX-License-Identifier: Apache-2.0
// process_pool: functions run in other processes of this program. A task that crashes fails alone.
#pragma once

#include <concepts>
#include <cstddef>
#include <initializer_list>
#include <iterator>
#include <memory>
#include <ranges>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "fanout/detail/map_inputs.hpp"
#include "fanout/detail/pulled_map.hpp"
#include "fanout/detail/puller.hpp"
#include "fanout/detail/remote_call.hpp"
#include "fanout/detail/remote_work.hpp"
#include "fanout/detail/shipping.hpp"
#include "fanout/duration.hpp"
#include "fanout/fn.hpp"
#include "fanout/future.hpp"
#include "fanout/map.hpp"
#include "fanout/pool_stats.hpp"
#include "fanout/shutdown.hpp"
#include "fanout/workers.hpp"

namespace fanout {

/// How workers come to be. However they do, of the caller's open files they have only its standard output and error.
enum class start_method {
  forkserver,  ///< forked from a helper process that has run this program's static constructors and nothing else, or
               ///< from one that runs worker_command, as it is at fanout::init()
  spawn,       ///< each starts this program, or worker_command, anew
  fork,        ///< forked from a copy of this process, as it is when the pool is made; it must not have other threads
};

struct process_pool_options {
  unsigned workers = default_workers();
  start_method start = start_method::forkserver;
  /// A worker that was given so many tasks (items of a map) leaves, and a new one takes its place; 0: it stays.
  unsigned max_tasks_per_worker = 0;
  /// A task (an item of a map) that runs for longer fails with timed_out, and its worker is killed; 0: no limit.
  duration task_timeout{};
  /// Bytes of memory that a worker may have resident: if it has more, it is killed, and the task that it runs fails
  /// with memory_limit_exceeded; 0: no limit. Looked at every 20 ms while it runs something.
  std::size_t memory_limit = 0;
  /// A task whose worker died is run again, so often at most, before it fails with worker_died. For tasks that bear
  /// being run twice.
  unsigned retries = 0;
  /// Called in each worker before its first task. If it throws, or ends the worker, three times in a row, the pool is
  /// broken.
  void (*initializer)() = nullptr;
  /// The program that workers run, and its arguments; empty: this program. It must call fanout::init() when it has
  /// loaded the modules whose functions it is to run, before it starts threads (else each worker is started anew).
  std::vector<std::string> worker_command = {};
  /// A worker that has more bytes resident than this when it has ended a task leaves, and a new one takes its place;
  /// 0: it stays. Against tasks that leak.
  std::size_t recycle_above = 0;
  /// Workers that had nothing to do for so long leave; others come when there is work again; 0: they stay.
  duration idle_timeout{};
};

/// What one task may do that others of its pool may not. 0: as the pool's options say.
struct task_options {
  duration timeout{};
  unsigned retries = 0;
};

/// A pool of worker processes. Its functions may be called from any thread.
///
/// What can be called: functions, captureless lambdas, callables without state, fn<&S::f>. Arguments and results travel
/// by value: trivially copyable types, standard containers and wrappers of such, plain structs of such, and types with
/// a cereal serialize function. Texts and spans may be passed as views. A function that can only be called with a
/// stop_token first gets one, and future::cancel asks it to stop; its callbacks run in another thread of the worker.
///
/// A task that ends its process fails with worker_died, and only that task: what waits goes to other workers, and a new
/// worker takes the place of the dead one.
class process_pool {
 public:
  /// Does not wait for the workers to be ready. Throws fanout::error if this program cannot be a worker (see init()),
  /// has threads that make start_method::fork unsafe, or is itself a worker at the depth where pools within pools end;
  /// not_importable if the initializer is in no module; std::system_error if the system lacks resources.
  explicit process_pool(unsigned workers = default_workers());
  explicit process_pool(process_pool_options options);
  process_pool(const process_pool&) = delete;
  process_pool& operator=(const process_pool&) = delete;
  /// shutdown(drain) without a deadline.
  ~process_pool();

  /// Runs f(args…) in a worker. Throws serialization_error if an argument cannot be encoded, not_importable if the
  /// function is in no module, pool_closed after shutdown(). The future may throw, besides what f throws: remote_error
  /// in place of an exception type that this process cannot rebuild, worker_died, timed_out, memory_limit_exceeded,
  /// cancelled, serialization_error, not_importable, pool_broken, pool_closed.
  ///
  /// future::cancel: a task that has not begun will not. One that runs is asked to stop if it takes a stop_token, or
  /// killed, with its worker, by cancel_mode::kill.
  template <class F, class... Args>
    requires(!std::same_as<std::decay_t<F>, task_options>)
  future<detail::remote_result_t<F, Args...>> submit(F&& f, Args&&... args) {
    return submit(task_options{}, std::forward<F>(f), std::forward<Args>(args)...);
  }
  template <class F, class... Args>
  future<detail::remote_result_t<F, Args...>> submit(task_options options, F&& f, Args&&... args) {
    using R = detail::remote_result_t<F, Args...>;
    detail::check_shippable<F, Args...>();
    const auto target = detail::locate_call<F, std::decay_t<Args>...>(f);
    detail::byte_buffer input(detail::to_be_sent);
    detail::encode_item<std::decay_t<Args>...>(input, args...);
    auto* const task = new detail::remote_task<R>(target, {options.timeout, options.retries}, std::move(input), core_);
    detail::state_ptr<detail::future_state<R>> state(task);
    detail::enqueue(*core_, *task, 1, 1);
    return detail::future_access::make(std::move(state));
  }

  /// Runs f(input) for each input, and returns at once. Inputs that can be indexed are encoded before it does, unless
  /// there is a window; all others are pulled, by a thread of their own, as their results are taken (see map_options),
  /// and an lvalue range of them must outlive that. Throws as submit does; an input that was pulled and cannot be
  /// encoded fails by itself, as each item does. An item that takes longer than item_timeout is ended with its worker.
  template <class F, std::ranges::input_range Inputs>
  mapped<detail::remote_result_t<F, std::ranges::range_value_t<Inputs>>> map(F&& f, Inputs&& inputs,
                                                                             map_options options = {}) {
    using input = std::ranges::range_value_t<Inputs>;
    using R = detail::remote_result_t<F, input>;
    detail::check_shippable<F, input>();
    const auto target = detail::locate_call<F, input>(f);
    if constexpr (detail::indexable<Inputs>) {
      if (options.window == 0) return mapped<R>(detail::start_remote_map<R, input>(core_, target, inputs, options));
    }
    return mapped<R>(
        detail::start_pulled_map<R, input>(core_, *pulls_, workers_, target, std::forward<Inputs>(inputs), options));
  }

  /// The same for a list of values: map(f, {1, 2, 3}).
  template <class F, class Input>
  auto map(F&& f, std::initializer_list<Input> inputs, map_options options = {}) {
    return map(std::forward<F>(f), std::vector<Input>(inputs), options);
  }

  /// Takes no more work, and waits until all that there was has ended, and the workers too, or for `deadline`:
  ///   drain            runs everything; of inputs that are pulled, those that there is room for without anybody taking
  ///                    results
  ///   cancel_pending   what has not begun ends with `cancelled`
  ///   kill             that, and what runs is killed with its worker: all ends with pool_closed
  /// True: all ended in time. False: the deadline passed, and what was left was killed, and ended with pool_closed.
  /// What is submitted from now on throws pool_closed. May be called again, to be harsher, also while another thread
  /// waits in it.
  bool shutdown(shutdown_mode mode = shutdown_mode::drain, duration deadline = duration::max());

  unsigned workers() const noexcept { return workers_; }
  pool_stats stats() const noexcept;

 private:
  const unsigned workers_;
  std::shared_ptr<detail::pool_core> core_;
  const std::unique_ptr<detail::pull_threads> pulls_;
};

/// Makes this process a worker if it was started as one: it then serves tasks, and this does not return. Otherwise it
/// returns at once. Call it first in `main` where the automatic worker entry is not linked in (a program that is linked
/// fully statically, or whose `main` is not its own), and in a worker_command when its modules are loaded.
void init(int argc, char** argv);

/// Is this process a worker of a process_pool? May be called at any time, in static constructors too.
bool is_worker_process() noexcept;

}  // namespace fanout
