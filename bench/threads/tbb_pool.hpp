// SPDX-License-Identifier: Apache-2.0
// oneTBB as a pool of workers beside a main thread that waits.
#pragma once

#include <oneapi/tbb/global_control.h>
#include <oneapi/tbb/task_arena.h>

#include <future>
#include <type_traits>
#include <utility>

#include "workers.hpp"

/// In oneTBB the thread that calls is one of the arena's, so by default a machine with two CPUs has one worker besides.
/// That would be fair where main takes part in the work; but here it hands work over and sleeps, as it does with the
/// other pools. So the library is allowed one thread more than there are workers, which stands for main; and the arena
/// has a place for each worker and none for main. (`_main` in the name of a benchmark: main takes part, beside one
/// worker.)
class tbb_pool {
 public:
  template <class F>
  void post(F&& f) {
    arena_.enqueue(std::forward<F>(f));
  }

  /// oneTBB has no futures: its users move a promise into the task, which is the least that works.
  template <class F>
  auto submit(F f) {
    using result = std::invoke_result_t<F&>;
    struct task {
      mutable std::promise<result> promise;  // oneTBB calls it as a constant
      mutable F f;
      void operator()() const {
        if constexpr (std::is_void_v<result>) {
          f();
          promise.set_value();
        } else {
          promise.set_value(f());
        }
      }
    };
    std::promise<result> promise;
    auto future = promise.get_future();
    arena_.enqueue(task{std::move(promise), std::move(f)});
    return future;
  }

  /// f() on a worker, where what it forks is shared with the other; main sleeps.
  template <class F>
  auto run(F f) {
    return submit(std::move(f)).get();
  }

 private:
  const tbb::global_control limit_{tbb::global_control::max_allowed_parallelism, workers + 1};
  tbb::task_arena arena_{static_cast<int>(workers), 0};
};
