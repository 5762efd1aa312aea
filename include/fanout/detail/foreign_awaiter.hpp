// SPDX-License-Identifier: Apache-2.0
// Awaiting what is not fanout's: the coroutine comes back to its executor, wherever it was resumed. Part of task.hpp.
#pragma once

#include <coroutine>
#include <utility>

#include "fanout/detail/this_thread.hpp"
#include "fanout/task.hpp"

namespace fanout::detail {

/// Awaits it as it is.
template <class Awaitable>
struct untransformed {
  using native_awaiter = void;

  Awaitable&& awaitable;
  decltype(auto) operator co_await() && { return awaiter_of(std::forward<Awaitable>(awaitable)); }
};

/// The awaitable is awaited in a small task, since nobody can suspend in await_resume. The task ends where the
/// awaitable resumed it; if that is no thread of the executor, the coroutine that awaits is posted there.
template <class Awaitable>
class foreign_awaiter : private continuation {
 public:
  using native_awaiter = void;

  /// `awaitable` lives in the expression that awaits.
  explicit foreign_awaiter(Awaitable&& awaitable)
      : continuation(&come_back), body_(task_access::take_unstarted(await(std::forward<Awaitable>(awaitable)))) {}
  foreign_awaiter(const foreign_awaiter&) = delete;
  foreign_awaiter& operator=(const foreign_awaiter&) = delete;

  bool await_ready() const noexcept { return false; }

  template <class Promise>
  std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> parent) noexcept {
    parent_ = parent;
    parent_op_ = &parent.promise();
    auto& promise = body_.promise();
    promise.env = environment_of(parent);
    promise.tell(*this);
    return body_.frame();
  }

  decltype(auto) await_resume() { return body_.promise().unwrap(); }

 private:
  using result_type = decltype(awaiter_of(std::declval<Awaitable>()).await_resume());

  static task<result_type> await(Awaitable&& awaitable) {
    co_return co_await untransformed<Awaitable>{std::forward<Awaitable>(awaitable)};
  }

  static std::coroutine_handle<> come_back(continuation& end, task_promise_base& body) noexcept {
    auto& self = static_cast<foreign_awaiter&>(end);
    scheduler* const home = body.env.where;
    if (home == nullptr || context_of(home) != nullptr) return self.parent_;
    home->post(*self.parent_op_);  // the op that every task is: resumes it
    return std::noop_coroutine();
  }

  frame_owner<result_type> body_;
  std::coroutine_handle<> parent_;
  op* parent_op_ = nullptr;
};

}  // namespace fanout::detail
