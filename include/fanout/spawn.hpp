// SPDX-License-Identifier: Apache-2.0
// spawn: starts a task now, and gives a future for it.
#pragma once

#include <coroutine>
#include <utility>

#include "fanout/detail/future_state.hpp"
#include "fanout/detail/spawn_scope.hpp"
#include "fanout/executor.hpp"
#include "fanout/future.hpp"
#include "fanout/stop.hpp"
#include "fanout/task.hpp"

namespace fanout {

namespace detail {

/// The scheduler whose ops this thread runs; throws fanout::error if it runs none.
scheduler& scheduler_to_spawn_on();

/// A task that runs by itself, and the block of its future. Referenced by the future and, until it has ended, by
/// itself. `Owner` has a token that stops it and is told when it has left: `left(error)` says which coroutine to go on
/// with.
template <class T, class Owner>
class spawned_task final : public future_state<T>, private continuation {
 public:
  spawned_task(task<T>&& body, scheduler& where, Owner& owner)
      : future_state<T>(&where, 2),
        continuation(&ended),
        body_(task_access::take_unstarted(body)),
        owner_(owner),
        stop_(owner.get_token()) {
    body_.promise().env = {&where, stop_.get_token()};
    body_.promise().tell(*this);
  }

  /// The owner counts it from here on.
  void start() noexcept {
    auto& promise = body_.promise();
    promise.env.where->post(promise);
  }

  bool cancel(cancel_mode) override {
    stop_.request_stop();
    return true;
  }

 private:
  static std::coroutine_handle<> ended(continuation& end, task_promise_base&) noexcept {
    auto& self = static_cast<spawned_task&>(end);
    Owner& owner = self.owner_;
    result<T> outcome = self.body_.promise().outcome();
    const std::exception_ptr error = outcome.has_value() ? nullptr : outcome.error();
    self.body_.reset();    // before anybody is told: what the task held is free when its result is there
    self.stop_.unchain();  // the future may outlive the owner, and with it this block
    self.complete(std::move(outcome));
    self.release();
    return owner.left(error);
  }

  frame_owner<T> body_;
  Owner& owner_;
  stop_source stop_;
};

}  // namespace detail

/// asyncio.create_task: starts the task on the executor of this thread, soon. Its end is in the future; dropping that
/// detaches, and future::cancel() asks the task to stop. What is left when the run() of a loop or serial_executor ends
/// is stopped and waited for; a thread_pool's destructor waits for it. Throws fanout::error if this thread runs no
/// executor, or the task is empty.
template <class T>
future<T> spawn(task<T> body) {
  scheduler& where = detail::scheduler_to_spawn_on();
  auto& scope = *where.spawned();
  auto* const started = new detail::spawned_task<T, detail::spawn_scope>(std::move(body), where, scope);
  detail::state_ptr<detail::future_state<T>> state(started);
  scope.enter();
  started->start();
  return detail::future_access::make(std::move(state));
}

template <detail::returns_task F>
void spawn(F&&) = FANOUT_DELETED(FANOUT_CALL_IT);

}  // namespace fanout
