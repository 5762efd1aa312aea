// SPDX-License-Identifier: Apache-2.0
#include "lab/costs/coroutine_switch.hpp"

#include <time.h>

#include <array>
#include <coroutine>
#include <exception>
#include <fanout/event_loop.hpp>
#include <fanout/gather.hpp>
#include <fanout/sleep.hpp>
#include <utility>

#include "lab/costs/timing.hpp"

namespace lab::costs {

namespace {

/// The least a coroutine can be: no value, no error, no executor.
class bare {
 public:
  struct promise_type {
    bare get_return_object() { return bare(std::coroutine_handle<promise_type>::from_promise(*this)); }
    std::suspend_always initial_suspend() noexcept { return {}; }
    std::suspend_always final_suspend() noexcept { return {}; }
    void return_void() {}
    void unhandled_exception() { std::terminate(); }
  };

  bare(const bare&) = delete;
  bare& operator=(const bare&) = delete;
  ~bare() { handle_.destroy(); }

  void* address() const { return handle_.address(); }

 private:
  explicit bare(std::coroutine_handle<promise_type> handle) : handle_(handle) {}

  std::coroutine_handle<promise_type> handle_;
};

bare work_and_suspend(std::size_t touched) {
  working_set own(touched);
  for (;;) {
    own.touch();
    co_await std::suspend_always{};
  }
}

double resume_in_turn(std::size_t touched, unsigned switches) {
  const bare one = work_and_suspend(touched), other = work_and_suspend(touched);
  const std::array<void* volatile, 2> coroutines = {one.address(), other.address()};
  for (void* coroutine : coroutines) std::coroutine_handle<>::from_address(coroutine).resume();
  return cpu_seconds_of([&] {
    for (unsigned i = 0; i < switches; ++i) std::coroutine_handle<>::from_address(coroutines[i % 2]).resume();
  });
}

double touch_only(std::size_t touched, unsigned times) {
  working_set own(touched);
  own.touch();
  return cpu_seconds_of([&] {
    for (unsigned i = 0; i < times; ++i) own.touch();
  });
}

fanout::task<> yield_often(unsigned times) {
  for (unsigned i = 0; i < times; ++i) co_await fanout::yield();
}

fanout::task<double> yield_in_turn(unsigned switches) {
  const unsigned each = (switches + 1) / 2;
  co_await fanout::gather(yield_often(1), yield_often(1));  // frames and queue have their memory
  const double began = read_clock(CLOCK_THREAD_CPUTIME_ID);
  co_await fanout::gather(yield_often(each), yield_often(each));
  const double seconds = read_clock(CLOCK_THREAD_CPUTIME_ID) - began;
  co_return seconds* switches / (2 * each);
}

}  // namespace

measurement measure_coroutine_switch(const effort& much, std::size_t touched) {
  if (touched == 0) return time_batches(much, 1'000'000, [](unsigned n) { return resume_in_turn(0, n); });
  return time_batches(
      much, 200, [&](unsigned n) { return resume_in_turn(touched, n); },
      [&](unsigned n) { return touch_only(touched, n); });
}

measurement measure_loop_switch(const effort& much) {
  return time_batches(much, 200'000, [](unsigned n) { return fanout::run(yield_in_turn(n)); });
}

}  // namespace lab::costs
