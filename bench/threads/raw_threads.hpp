// SPDX-License-Identifier: Apache-2.0
// What the system needs to hand work to threads that sleep, and no more: the yardstick for pools. No queue, no
// spinning.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <thread>

#include "turn.hpp"
#include "workers.hpp"

namespace raw {

/// A thread that does what it is told, again and again.
class thread {
 public:
  thread() : thread_([this] { run(); }) {}
  thread(const thread&) = delete;
  thread& operator=(const thread&) = delete;
  ~thread() {
    work_ = nullptr;
    told_.pass();
    thread_.join();
  }

  /// `work` must outlive the next wait().
  void tell(const std::function<void()>& work) noexcept {
    work_ = &work;
    told_.pass();
  }
  void wait() noexcept { done_.wait(seen_); }

 private:
  void run() noexcept {
    for (std::uint32_t seen = 0;;) {
      told_.wait(seen);
      if (work_ == nullptr) return;
      (*work_)();
      done_.pass();
    }
  }

  const std::function<void()>* work_ = nullptr;
  turn<among::threads> told_, done_;
  std::uint32_t seen_ = 0;
  std::thread thread_;
};

/// f(0) and f(1), each on a thread of its own.
class pair {
 public:
  template <class F>
  void run(const F& f) {
    const std::function<void()> first = [&] { f(0U); }, second = [&] { f(1U); };
    threads_[0].tell(first);
    threads_[1].tell(second);
    for (thread& t : threads_) t.wait();
  }

 private:
  static_assert(workers == 2);
  std::array<thread, workers> threads_;
};

}  // namespace raw
