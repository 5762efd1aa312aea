// SPDX-License-Identifier: Apache-2.0
// process_pool: functions run in other processes of this program. A task that crashes fails alone.
#pragma once

#include <concepts>
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
#include "fanout/fn.hpp"
#include "fanout/future.hpp"
#include "fanout/map.hpp"
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
  /// The program that workers run, and its arguments; empty: this program. It must call fanout::init() when it has
  /// loaded the modules whose functions it is to run, before it starts threads (else each worker is started anew).
  std::vector<std::string> worker_command = {};
};

/// A pool of worker processes. Its functions may be called from any thread.
///
/// What can be called: functions, captureless lambdas, callables without state, fn<&S::f>. Arguments and results travel
/// by value: trivially copyable types, standard containers and wrappers of such, plain structs of such, and types with
/// a cereal serialize function. Texts and spans may be passed as views.
///
/// A task that ends its process fails with worker_died, and only that task: what waits goes to other workers, and a new
/// worker takes the place of the dead one.
class process_pool {
 public:
  /// Does not wait for the workers to be ready. Throws fanout::error if this program cannot be a worker (see init()) or
  /// has threads that make start_method::fork unsafe, std::system_error if the system lacks resources.
  explicit process_pool(unsigned workers = default_workers());
  explicit process_pool(process_pool_options options);
  process_pool(const process_pool&) = delete;
  process_pool& operator=(const process_pool&) = delete;
  /// Waits for all tasks, then for the workers to end.
  ~process_pool();

  /// Runs f(args…) in a worker. Throws serialization_error if an argument cannot be encoded, not_importable if the
  /// function is in no module. The future may throw, besides what f throws: remote_error in place of an exception type
  /// that this process cannot rebuild, worker_died, serialization_error, not_importable, pool_broken.
  template <class F, class... Args>
  future<detail::remote_result_t<F, Args...>> submit(F&& f, Args&&... args) {
    using R = detail::remote_result_t<F, Args...>;
    detail::check_shippable<F, Args...>();
    const auto target = detail::locate_call<F, std::decay_t<Args>...>(f);
    detail::byte_buffer input;
    detail::encode_item<std::decay_t<Args>...>(input, args...);
    auto* const task = new detail::remote_task<R>(target, std::move(input), core_);
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
      if (options.window == 0) return mapped<R>(detail::start_remote_map<R, input>(*core_, target, inputs, options));
    }
    return mapped<R>(
        detail::start_pulled_map<R, input>(*core_, *pulls_, workers_, target, std::forward<Inputs>(inputs), options));
  }

  /// The same for a list of values: map(f, {1, 2, 3}).
  template <class F, class Input>
  auto map(F&& f, std::initializer_list<Input> inputs, map_options options = {}) {
    return map(std::forward<F>(f), std::vector<Input>(inputs), options);
  }

  unsigned workers() const noexcept { return workers_; }

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
