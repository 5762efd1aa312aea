// SPDX-License-Identifier: Apache-2.0
// event_loop: coroutines taking turns on one thread; and run(), which makes one for a task.
#pragma once

#include <memory>
#include <utility>

#include "fanout/detail/posted_call.hpp"
#include "fanout/detail/root_task.hpp"
#include "fanout/detail/waiter.hpp"
#include "fanout/executor.hpp"
#include "fanout/task.hpp"

namespace boost::asio {
class io_context;
}

namespace fanout {

/// Runs coroutines on the thread that calls run(), in the order in which they become ready. Fair: after 256 ops at the
/// latest it looks at due timers, at posts of other threads and at I/O. Sleeps while there is nothing to do, until
/// there is; makes no system call while it has work and no I/O is outstanding.
class event_loop final : public scheduler {
 public:
  /// Throws std::system_error if the eventfd that wakes it cannot be made.
  event_loop();
  /// Runs what was posted and has not run yet, and asks what that spawns to stop, and waits for it. Not while the loop
  /// is running.
  ~event_loop();

  /// Runs until `main` has ended, then asks what it has spawned and left over to stop, and waits for that; returns
  /// main's value or throws its error. One run() at a time: throws fanout::error if the loop is already running.
  template <class T>
  T run(task<T> main) {
    detail::root_task<T> root(std::move(main), *this);
    run_until(root.start(), root.ended());
    return root.unwrap();
  }

  template <detail::returns_task F>
  void run(F&&) = FANOUT_DELETED(FANOUT_CALL_IT);

  /// Runs `f()` on the loop, soon. From any thread. An exception that leaves `f` ends the program.
  template <detail::postable F>
  void post(F&& f) {
    detail::post_call(*this, std::forward<F>(f));
  }

  /// For Asio's objects, sockets and all, whose operations coroutines on this loop await with `use_task` (see asio.hpp,
  /// which includes Asio; this header does not). They belong to the loop's thread. Whatever else is started there runs
  /// while the loop runs; an exception that leaves a handler ends the program. A loop that is never asked for it has
  /// none. From any thread. Throws boost::system::system_error if there are no descriptors left.
  boost::asio::io_context& context();

  void post(op& work) noexcept override;
  void fork_all(op& first, op& last) noexcept override;
  void post_at(time_point deadline, timer_op& timer) override;
  void expedite(timer_op& timer) noexcept override;
  bool may_attend() const noexcept override;
  void attend(std::shared_ptr<detail::attended> what) noexcept override;
  void forget(const detail::attended& what) noexcept override;

 private:
  void run_until(op& root, detail::completion& ended);

  struct state;
  class running;
  const std::unique_ptr<state> state_;
};

/// asyncio.run: makes an event_loop, runs the task on it, stops and awaits what that has spawned and left over, and
/// returns its value or throws its error.
template <class T>
T run(task<T> main) {
  event_loop loop;
  return loop.run(std::move(main));
}

template <detail::returns_task F>
void run(F&&) = FANOUT_DELETED(FANOUT_CALL_IT);

}  // namespace fanout
