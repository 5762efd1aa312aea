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

/// Lives in the frame of the coroutine that awaits it; so do the tasks, which must outlive it. Every task holds one
/// count: the last to let go resumes that coroutine.
class join : private continuation {
 public:
  using native_awaiter = void;

  join(environment env, on_error policy) noexcept : continuation(&ended), env_(env), policy_(policy), stop_(env.stop) {}

  /// Throws fanout::error if the task is empty.
  template <class T>
  void add(const task<T>& t) {
    auto& promise = task_access::unstarted(t);
    promise.env = {env_.where, stop_.get_token()};
    promise.tell(*this);
    if (first_ == nullptr) {
      first_ = last_ = &promise;
      first_frame_ = promise.frame();
    } else {
      last_->next = &promise;
      last_ = &promise;
    }
    ++count_;
  }

  bool await_ready() const noexcept { return count_ == 0; }

  /// The first task runs here and now, the others in their order after it.
  std::coroutine_handle<> await_suspend(std::coroutine_handle<> parent) noexcept {
    parent_ = parent;
    pending_.store(count_, std::memory_order_relaxed);  // published with the tasks, by fork_all
    // Once the others are posted, this object lives for as long as the first has not ended, and so until it begins.
    const auto first = first_frame_;
    if (count_ > 1) start(*first_->next, *last_);
    return first;
  }

  /// Throws the first error, if that is the policy.
  void await_resume() const {
    if (policy_ == on_error::stop_others && error_ != nullptr) std::rethrow_exception(error_);
  }

 private:
  void start(op& first, op& last) noexcept {
    if (env_.where != nullptr) return env_.where->fork_all(first, last);
    for (op* next = &first; next != nullptr;) {  // a coroutine of another library awaits: there is no queue
      op& current = *next;
      next = &current != &last ? current.next : nullptr;
      current.run(current);
    }
  }

  static std::coroutine_handle<> ended(continuation& end, task_promise_base& task) noexcept {
    auto& self = static_cast<join&>(end);
    if (task.error != nullptr && self.policy_ == on_error::stop_others && !self.failed_.exchange(true)) {
      self.error_ = task.error;
      self.stop_.request_stop();
    }
    // Acquire and release: the last one sees the results of all, and error_, which only the first that fails writes.
    const bool last = self.pending_.fetch_sub(1, std::memory_order_acq_rel) == 1;
    return last ? self.parent_ : std::noop_coroutine();
  }

  const environment env_;
  const on_error policy_;
  stop_source stop_;
  op* first_ = nullptr;
  op* last_ = nullptr;
  std::coroutine_handle<> first_frame_, parent_;
  std::size_t count_ = 0;
  std::atomic<std::size_t> pending_ = 0;
  std::atomic<bool> failed_ = false;  // only decides whose error it is
  std::exception_ptr error_;
};

}  // namespace fanout::detail
