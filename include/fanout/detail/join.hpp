// SPDX-License-Identifier: Apache-2.0
// Starts tasks together and goes on when all have ended.
#pragma once

#include <atomic>
#include <coroutine>
#include <cstddef>
#include <exception>

#include "fanout/detail/environment.hpp"
#include "fanout/stop.hpp"
#include "fanout/task.hpp"

namespace fanout::detail {

enum class on_error { stop_others, go_on };

/// Lives in the frame of the coroutine that awaits it. Every task added holds one count, and so does the awaiting
/// coroutine while it starts them: the last to let go resumes it.
class join {
 public:
  join(environment env, on_error policy) noexcept : env_(env), policy_(policy), stop_(env.stop) {}

  /// `t` must outlive the join.
  template <class T>
  void add(task<T>& t) noexcept {
    auto& promise = task_access::promise(t);
    promise.env = {env_.where, stop_.get_token()};
    promise.then = {&ended<T>, this};
    promise.next = nullptr;
    if (last_ == nullptr) {
      first_ = &promise;
    } else {
      last_->next = &promise;
    }
    last_ = &promise;
    pending_.fetch_add(1, std::memory_order_relaxed);
  }

  bool await_ready() const noexcept { return first_ == nullptr; }

  bool await_suspend(std::coroutine_handle<> parent) noexcept {
    parent_ = parent;
    for (op* child = first_; child != nullptr;) {
      op& current = *child;
      child = child->next;  // before it starts: it may have ended by the time that post returns
      if (env_.where != nullptr) {
        env_.where->post(current);
      } else {
        current.run(current);
      }
    }
    return !let_go();
  }

  /// Throws the first error, if that is the policy.
  void await_resume() const {
    if (policy_ == on_error::stop_others && error_ != nullptr) std::rethrow_exception(error_);
  }

 private:
  template <class T>
  static std::coroutine_handle<> ended(void* context, task_promise_base& base) noexcept {
    auto& self = *static_cast<join*>(context);
    const auto& outcome = static_cast<task_promise<T>&>(base).outcome;
    if (!outcome.has_value() && self.policy_ == on_error::stop_others && !self.failed_.exchange(true)) {
      self.error_ = outcome.error();
      self.stop_.request_stop();
    }
    return self.let_go() ? self.parent_ : std::noop_coroutine();
  }

  // Acquire and release: the last one sees the results of all, and error_, which only the first that fails writes.
  bool let_go() noexcept { return pending_.fetch_sub(1, std::memory_order_acq_rel) == 1; }

  const environment env_;
  const on_error policy_;
  stop_source stop_;
  op* first_ = nullptr;
  op* last_ = nullptr;
  std::coroutine_handle<> parent_;
  std::atomic<std::size_t> pending_ = 1;
  std::atomic<bool> failed_ = false;
  std::exception_ptr error_;
};

}  // namespace fanout::detail
