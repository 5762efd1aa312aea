// SPDX-License-Identifier: Apache-2.0
// The least that a coroutine library can do, as a yardstick: a frame freelist, symmetric transfer, a queue. No
// cancellation, no errors, no other threads, no memory given back.
#pragma once

#include <array>
#include <coroutine>
#include <cstddef>
#include <cstdlib>
#include <exception>
#include <utility>
#include <vector>

namespace raw {

struct frame_list {
  struct block {
    block* next;
  };
  inline static thread_local std::array<block*, 32> free{};
};

struct frames {
  static void* operator new(std::size_t size) {
    auto& top = frame_list::free[(size + 63) / 64];
    if (top == nullptr) return std::malloc((size + 63) / 64 * 64);
    return std::exchange(top, top->next);
  }
  static void operator delete(void* frame, std::size_t size) {
    auto& top = frame_list::free[(size + 63) / 64];
    top = new (frame) frame_list::block{top};
  }
};

struct loop {
  std::vector<std::coroutine_handle<>> ready, batch;
  void run() {
    while (!ready.empty()) {
      std::swap(ready, batch);
      for (auto h : batch) h.resume();
      batch.clear();
    }
  }
};
inline loop the_loop;

struct task {
  struct promise_type : frames {
    struct final_awaiter {
      bool await_ready() noexcept { return false; }
      std::coroutine_handle<> await_suspend(std::coroutine_handle<promise_type> h) noexcept {
        auto& p = h.promise();
        if (p.pending != nullptr && --*p.pending != 0) return std::noop_coroutine();
        return p.parent;
      }
      void await_resume() noexcept {}
    };
    task get_return_object() { return {std::coroutine_handle<promise_type>::from_promise(*this)}; }
    std::suspend_always initial_suspend() noexcept { return {}; }
    final_awaiter final_suspend() noexcept { return {}; }
    void return_value(int v) noexcept { value = v; }
    void unhandled_exception() { std::terminate(); }

    std::coroutine_handle<> parent = std::noop_coroutine();
    std::size_t* pending = nullptr;
    int value = 0;
  };

  task(std::coroutine_handle<promise_type> h) : frame(h) {}
  task(task&& other) noexcept : frame(std::exchange(other.frame, nullptr)) {}
  ~task() {
    if (frame) frame.destroy();
  }
  auto operator co_await() && {
    struct awaiter {
      std::coroutine_handle<promise_type> frame;
      bool await_ready() noexcept { return false; }
      auto await_suspend(std::coroutine_handle<> parent) noexcept {
        frame.promise().parent = parent;
        return frame;
      }
      int await_resume() noexcept { return frame.promise().value; }
    };
    return awaiter{frame};
  }

  std::coroutine_handle<promise_type> frame;
};

struct yield {
  bool await_ready() noexcept { return false; }
  void await_suspend(std::coroutine_handle<> h) { the_loop.ready.push_back(h); }
  void await_resume() noexcept {}
};

struct gather {
  std::vector<task>& tasks;
  std::size_t pending = tasks.size();
  bool await_ready() noexcept { return tasks.empty(); }
  void await_suspend(std::coroutine_handle<> parent) {
    for (auto& t : tasks) {
      t.frame.promise().parent = parent;
      t.frame.promise().pending = &pending;
      the_loop.ready.push_back(t.frame);
    }
  }
  void await_resume() noexcept {}
};

inline int run(task t) {
  the_loop.ready.push_back(t.frame);
  the_loop.run();
  return t.frame.promise().value;
}

}  // namespace raw
