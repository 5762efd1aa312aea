// SPDX-License-Identifier: Apache-2.0
// An executor that runs step by step, and what watches over the coroutines on it.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <utility>

#include "core/op_queue.hpp"
#include "core/timer_heap.hpp"
#include "fanout/detail/schedule_awaiter.hpp"
#include "fanout/detail/spawn_scope.hpp"
#include "fanout/executor.hpp"

namespace fanout_test {

using namespace std::chrono_literals;

/// Runs ops one by one, the same every time. Its time is virtual: when nothing else is left to do, the earliest timer
/// is due. Deadlines come from the real clock, so only hours make a difference.
class stepping final : public fanout::scheduler {
 public:
  /// What has a deadline beyond this is due when the test says so: see expire_far().
  static constexpr fanout::duration far = 500h;

  void post(fanout::op& work) noexcept override { ready_.push(work); }
  void post_at(fanout::time_point deadline, fanout::timer_op& timer) override {
    timers_.insert(timer, deadline);
    if (deadline > std::chrono::steady_clock::now() + far) far_ = &timer;
  }
  void expedite(fanout::timer_op& timer) noexcept override {
    if (!timer.queued()) return;
    timers_.erase(timer);
    ready_.push(timer);
    if (far_ == &timer) far_ = nullptr;
  }

  /// Lets the one far timer be due now. False: it is not armed.
  bool expire_far() {
    if (far_ == nullptr) return false;
    expedite(*far_);
    return true;
  }

  bool idle() const noexcept { return ready_.empty() && timers_.empty(); }
  int steps() const noexcept { return steps_; }

  void step() {
    fanout::op* work = ready_.pop();
    if (work == nullptr) {
      if (timers_.empty()) {
        std::fputs("somebody waits, and nothing is left that could end it\n", stderr);
        std::abort();
      }
      auto& timer = timers_.earliest();
      timers_.erase(timer);
      if (far_ == &timer) far_ = nullptr;
      work = &timer;
    }
    ++steps_;
    work->run(*work);
  }

 private:
  fanout::detail::op_queue ready_;
  fanout::detail::timer_heap timers_;
  fanout::timer_op* far_ = nullptr;
  int steps_ = 0;
};

/// Another executor, to which coroutines move. Its ops are steps like all others.
class stepping_elsewhere final : public fanout::scheduler {
 public:
  explicit stepping_elsewhere(stepping& steps) noexcept : steps_(steps) { set_spawned(&guests_); }

  void post(fanout::op& work) noexcept override { steps_.post(work); }
  void post_at(fanout::time_point deadline, fanout::timer_op& timer) override { steps_.post_at(deadline, timer); }
  void expedite(fanout::timer_op& timer) noexcept override { steps_.expedite(timer); }

  /// As of a thread_pool.
  auto schedule() noexcept { return fanout::detail::schedule_awaiter(*this, &try_post); }

  bool empty() const noexcept { return guests_.empty(); }

  bool closed = false;

 private:
  static bool try_post(fanout::scheduler& self, fanout::op& work) noexcept {
    auto& me = static_cast<stepping_elsewhere&>(self);
    if (!me.closed) me.post(work);
    return !me.closed;
  }

  stepping& steps_;
  fanout::detail::spawn_scope guests_{fanout::detail::spawn_scope::counted_by::one_thread};
};

class injected : public std::runtime_error {
 public:
  injected() : std::runtime_error("injected") {}
};

/// One run of the program.
struct trial {
  stepping where;
  stepping_elsewhere elsewhere{where};
  int throw_at = 0;  // the first coroutine that goes on at this step, or later, throws
  bool thrown = false;
  int begun = 0, ended = 0;  // guards

  void checkpoint() {
    if (throw_at == 0 || thrown || where.steps() < throw_at) return;
    thrown = true;
    throw injected();
  }
};

/// Those who must have ended when it goes out of scope: what is started between its braces is awaited there.
class crew {
 public:
  crew() = default;
  crew(const crew&) = delete;
  crew& operator=(const crew&) = delete;
  ~crew() { EXPECT_EQ(present, 0) << "still running after its awaiter has gone on"; }

  int present = 0;
};

/// In every coroutine, from its beginning to its end.
class guard {
 public:
  explicit guard(trial& t, crew* members = nullptr) : trial_(t), crew_(members) {
    ++trial_.begun;
    if (crew_ != nullptr) ++crew_->present;
  }
  guard(const guard&) = delete;
  guard& operator=(const guard&) = delete;
  ~guard() {
    EXPECT_FALSE(std::exchange(over_, true)) << "a frame was destroyed twice";
    ++trial_.ended;
    if (crew_ != nullptr) --crew_->present;
  }

 private:
  trial& trial_;
  crew* const crew_;
  bool over_ = false;
};

}  // namespace fanout_test
