// SPDX-License-Identifier: Apache-2.0
// Starts tasks together and goes on when all have ended.
#pragma once

#include <atomic>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <exception>

#include "fanout/detail/environment.hpp"
#include "fanout/stop.hpp"
#include "fanout/task.hpp"

namespace fanout::detail {

enum class on_error { stop_others, go_on };

/// The tasks that a join starts, in their order: something that has a frame for each number.
struct joined_frames {
  const void* tasks;
  std::coroutine_handle<> (*frame_of)(const void* tasks, std::size_t number) noexcept;
  std::coroutine_handle<> operator[](std::size_t number) const noexcept { return frame_of(tasks, number); }
};

/// Lives in the frame of the coroutine that awaits it; so do the tasks, which must outlive it. Whoever holds a count
/// keeps it alive: the last to let go resumes that coroutine.
///
/// On a loop every task is an op of its own. On a pool one op, the offer, stands for all that have not begun. Whoever
/// runs it, and whoever has ended a task, takes the number of the next one and goes on with that: so a worker that
/// nobody helps gets from task to task by one atomic addition. One word:
///
///     taken: the numbers of the tasks that have begun, and of attempts that came too late     } both change in
///     held:  tasks that have not ended, and one for the offer while it is in a queue          } one addition
///
///     offer:  in the deque of the worker that awaits ──stolen──▶ takes a number, is put into the thief's deque, …
///               └─ taken back by that worker for the last number             └─ let go when all numbers are taken
class join : private continuation {
 public:
  using native_awaiter = void;

  join(environment env, on_error policy, joined_frames frames) noexcept
      : continuation(&ended), where_(env.where), policy_(policy), frames_(frames), offer_(*this), stop_(env.stop) {}

  /// Returns its frame. Throws fanout::error if the task is empty.
  template <class T>
  std::coroutine_handle<> add(const task<T>& t) {
    auto& promise = task_access::unstarted(t);
    promise.env = {where_, stop_.get_token()};
    promise.tell(*this);
    promise.next = nullptr;
    (last_ == nullptr ? first_ : last_->next) = &promise;
    last_ = &promise;
    ++count_;
    return promise.frame();
  }

  bool await_ready() const noexcept { return count_ == 0; }

  /// The first task runs here and now, the others in their order after it, or meanwhile.
  std::coroutine_handle<> await_suspend(std::coroutine_handle<> parent) noexcept {
    parent_ = parent;
    const auto first = frames_[0];
    // Once the others can begin, this object lives for as long as the first has not ended, and so until it begins.
    if (count_ == 1) {
      word_.store(all_taken + 1, std::memory_order_relaxed);  // nobody else sees it before the first begins
    } else {
      word_.store(one_taken + count_ + 1, std::memory_order_relaxed);  // published with the offer
      if (where_ == nullptr || !where_->offer(offer_)) {
        word_.store(all_taken + count_, std::memory_order_relaxed);  // published with the tasks
        start(*first_->next, *last_);
      }
    }
    return first;
  }

  /// Throws the first error, if that is the policy.
  void await_resume() const {
    if (policy_ == on_error::stop_others && error_ != nullptr) std::rethrow_exception(error_);
  }

 private:
  struct standing_offer : op {
    explicit standing_offer(join& j) noexcept
        : op([](op& self) noexcept { static_cast<standing_offer&>(self).of.take_up_offer(); }), of(j) {}
    join& of;
  };

  static constexpr std::uint64_t one_held = 1, one_taken = std::uint64_t{1} << 32;
  static constexpr std::uint64_t all_taken = std::uint64_t{1} << 63;  // more than there can be tasks
  // A worker looks around now and then: not everything that is ready hangs on this join.
  static constexpr std::uint64_t tasks_in_a_row = 32;

  static std::uint64_t taken(std::uint64_t word) noexcept { return word / one_taken; }
  static std::uint64_t held(std::uint64_t word) noexcept { return word % one_taken; }

  void start(op& first, op& last) noexcept {
    if (where_ != nullptr) return where_->fork_all(first, last);
    for (op* next = &first; next != nullptr;) {  // a coroutine of another library awaits: there is no queue
      op& current = *next;
      next = &current != &last ? current.next : nullptr;
      current.run(current);
    }
  }

  static std::coroutine_handle<> ended(continuation& end, task_promise_base& task) noexcept {
    auto& self = static_cast<join&>(end);
    if (task.error != nullptr) [[unlikely]]
      self.failed(task.error);
    return self.go_on();
  }

  /// After a task has ended: which one to go on with.
  std::coroutine_handle<> go_on() noexcept {
    // Acquire here, and acquire and release below: the last one sees the results of all, and error_, which only the
    // first that fails writes.
    const auto now = word_.load(std::memory_order_acquire);
    if (held(now) == 1) return parent_;  // by this task: nobody else looks at the word any more
    if (taken(now) % tasks_in_a_row == tasks_in_a_row - 1) return look_around();
    if (taken(now) == count_ - 1 && where_->withdraw(offer_)) return begin_last();
    // What is needed after this task is let go of: the join may be gone then.
    scheduler* const where = where_;
    const std::size_t count = count_;
    const auto before = word_.fetch_add(one_taken - one_held, std::memory_order_acq_rel);
    if (taken(before) < count) return frames_[taken(before)];  // which keeps the join alive
    if (held(before) == 1) return parent_;
    // Nobody is left but the offer: if it is still where it was put, and that is here, it is not needed any more.
    if (held(before) == 2 && before < all_taken && where->withdraw(offer_)) return parent_;
    return std::noop_coroutine();
  }

  /// After a task has ended and the offer was taken back: nobody needs it for the last one. If nobody else is in the
  /// join, which only they could let in, no atomic addition is needed for that and its end.
  std::coroutine_handle<> begin_last() noexcept {
    const std::size_t count = count_;
    if (word_.load(std::memory_order_acquire) == (count - 1) * one_taken + 3) {  // that task, the last, the offer
      word_.store(count * one_taken + 1, std::memory_order_relaxed);
      return frames_[count - 1];
    }
    const auto before = word_.fetch_add(one_taken - 2, std::memory_order_acq_rel);
    if (taken(before) < count) return frames_[taken(before)];
    return held(before) == 2 ? parent_ : std::noop_coroutine();
  }

  /// The worker goes to its queues, where the offer is, or some other worker has it.
  std::coroutine_handle<> look_around() noexcept {
    return held(word_.fetch_sub(one_held, std::memory_order_acq_rel)) == 1 ? parent_ : std::noop_coroutine();
  }

  void take_up_offer() noexcept {
    const auto number = taken(word_.fetch_add(one_taken, std::memory_order_acq_rel));
    if (number >= count_) return look_around().resume();
    const auto task = frames_[number];  // which keeps the join alive
    if (number + 1 < count_) {
      where_->fork(offer_);
    } else {
      word_.fetch_sub(one_held, std::memory_order_relaxed);
    }
    task.resume();
  }

  [[gnu::cold]] void failed(const std::exception_ptr& error) noexcept {
    if (policy_ != on_error::stop_others || failed_.exchange(true)) return;
    error_ = error;
    stop_.request_stop();
  }

  scheduler* const where_;
  const on_error policy_;
  const joined_frames frames_;
  standing_offer offer_;
  stop_source stop_;
  op* first_ = nullptr;  // linked, until they begin
  op* last_ = nullptr;
  std::coroutine_handle<> parent_;
  std::size_t count_ = 0;
  std::atomic<std::uint64_t> word_ = 0;
  std::atomic<bool> failed_ = false;  // only decides whose error it is
  std::exception_ptr error_;
};

}  // namespace fanout::detail
