// SPDX-License-Identifier: Apache-2.0
// What schedules.hpp runs in place of threads: handing over is a call, where threads would have to be woken, some ten
// thousand times for one test, on a machine that may have something else to do.
#pragma once

#include <ucontext.h>

#include <cstddef>
#include <functional>
#include <memory>
#include <utility>

#include "support/sanitized.hpp"

#if __has_feature(address_sanitizer)
#include <sanitizer/common_interface_defs.h>
#endif
#if __has_feature(thread_sanitizer)
#include <sanitizer/tsan_interface.h>
#endif

namespace fanout_test {

/// Has a stack of its own, and runs while no other of its thread does.
class fiber {
 public:
  /// What the calling thread is in the middle of.
  fiber() noexcept { sanitizer_.is_thread(); }
  /// Runs `body` when it is handed over to for the first time. `body` gives the one that goes on when it has ended.
  explicit fiber(std::function<fiber&()> body)
      : body_(std::move(body)), stack_(std::make_unique_for_overwrite<std::byte[]>(stack_size)) {
    ::getcontext(&context_);
    context_.uc_stack.ss_sp = stack_.get();
    context_.uc_stack.ss_size = stack_size;
    ::makecontext(&context_, &begin, 0);
    sanitizer_.is_fiber(stack_.get());
  }
  fiber(const fiber&) = delete;
  fiber& operator=(const fiber&) = delete;
  /// Not before it has ended.
  ~fiber() { sanitizer_.over(); }

  /// By this one: `next` goes on, until another hands over to this one.
  void hand_over(fiber& next) {
    sanitizer_.leave(next.sanitizer_);
    switch_to(next);
    sanitizer_.arrive(from_->sanitizer_);
  }

 private:
  static constexpr std::size_t stack_size = std::size_t{1} << 18;

  /// What the sanitizers are to be told.
  class told {
   public:
#if __has_feature(address_sanitizer)
    void is_thread() noexcept {}
    void is_fiber(const std::byte* stack) noexcept { bottom_ = stack, size_ = stack_size; }
    void leave(told& next) noexcept { __sanitizer_start_switch_fiber(&fake_, next.bottom_, next.size_); }
    void leave_for_ever(told& next) noexcept { __sanitizer_start_switch_fiber(nullptr, next.bottom_, next.size_); }
    void arrive(told& from) noexcept { __sanitizer_finish_switch_fiber(fake_, &from.bottom_, &from.size_); }
    void over() noexcept {}

   private:
    const void* bottom_ = nullptr;
    std::size_t size_ = 0;
    void* fake_ = nullptr;
#elif __has_feature(thread_sanitizer)
    void is_thread() noexcept { fiber_ = __tsan_get_current_fiber(); }
    void is_fiber(const std::byte*) noexcept { fiber_ = __tsan_create_fiber(0), made_ = true; }
    void leave(told& next) noexcept { __tsan_switch_to_fiber(next.fiber_, 0); }
    void leave_for_ever(told& next) noexcept { leave(next); }
    void arrive(told&) noexcept {}
    void over() noexcept {
      if (made_) __tsan_destroy_fiber(fiber_);
    }

   private:
    void* fiber_ = nullptr;
    bool made_ = false;
#else
    void is_thread() noexcept {}
    void is_fiber(const std::byte*) noexcept {}
    void leave(told&) noexcept {}
    void leave_for_ever(told&) noexcept {}
    void arrive(told&) noexcept {}
    void over() noexcept {}
#endif
  };

  void switch_to(fiber& next) noexcept {
    from_ = this;
    to_ = &next;
    ::swapcontext(&context_, &next.context_);
  }

  static void begin() {
    fiber& me = *to_;
    me.sanitizer_.arrive(from_->sanitizer_);
    fiber& next = me.body_();
    me.sanitizer_.leave_for_ever(next.sanitizer_);
    me.switch_to(next);
  }

  static inline thread_local fiber *from_ = nullptr, *to_ = nullptr;  // of the last hand-over

  std::function<fiber&()> body_;
  std::unique_ptr<std::byte[]> stack_;
  ucontext_t context_{};
  told sanitizer_;
};

}  // namespace fanout_test
