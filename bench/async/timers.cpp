// SPDX-License-Identifier: Apache-2.0
// One timer among 100 000 others: armed and taken back, armed and due. In no order, and all of one length.
#include <benchmark/benchmark.h>
#include <uv.h>

#include <boost/asio.hpp>
#include <chrono>
#include <coroutine>
#include <cstdint>
#include <deque>
#include <random>
#include <vector>

#include "fanout/fanout.hpp"

namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using fanout::time_point;

constexpr int others = 100'000;

/// How long the timers are: an hour each, or anything from one to two.
class lengths {
 public:
  explicit lengths(const benchmark::State& state) : spread_(state.range(0) != 0 ? 3'600'000'000'000 : 1) {}
  std::chrono::nanoseconds next() {
    random_ = random_ * 6364136223846793005 + 1442695040888963407;
    return 1h + std::chrono::nanoseconds((random_ >> 16) % spread_);
  }

 private:
  const std::uint64_t spread_;
  std::uint64_t random_ = 1;
};

time_point from_now(std::chrono::nanoseconds time) { return std::chrono::steady_clock::now() + time; }

struct no_op : fanout::timer_op {
  no_op() noexcept : timer_op([](fanout::op&) noexcept {}) {}
};

/// Arms a timer and goes on when it has run; `cancel`: at once.
struct fanout_wait : fanout::timer_op {
  using native_awaiter = void;

  fanout_wait(fanout::event_loop& l, time_point when, bool c) noexcept
      : timer_op([](op& self) noexcept { static_cast<fanout_wait&>(self).waits.resume(); }),
        loop(l),
        due(when),
        cancel(c) {}
  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> handle) {
    waits = handle;
    loop.post_at(due, *this);
    if (cancel) loop.expedite(*this);
  }
  void await_resume() const noexcept {}

  fanout::event_loop& loop;
  const time_point due;
  const bool cancel;
  std::coroutine_handle<> waits;
};

fanout::task<> fanout_timers(benchmark::State& state, fanout::event_loop& loop, bool cancel) {
  lengths length(state);
  std::deque<no_op> timers(others);
  for (no_op& t : timers) loop.post_at(from_now(length.next()), t);
  for (auto _ : state) co_await fanout_wait(loop, from_now(cancel ? length.next() : 0ns), cancel);
  for (no_op& t : timers) loop.expedite(t);
  co_await fanout::yield();
}

void timer_cancelled_fanout(benchmark::State& state) {
  fanout::event_loop loop;
  loop.run(fanout_timers(state, loop, true));
}
void timer_due_fanout(benchmark::State& state) {
  fanout::event_loop loop;
  loop.run(fanout_timers(state, loop, false));
}

class asio_timers {
 public:
  asio_timers(benchmark::State& state, bool cancel) : state_(state), cancel_(cancel), length_(state) {
    for (int i = 0; i < others; ++i) {
      others_.emplace_back(context_, length_.next()).async_wait([](boost::system::error_code) {});
    }
  }

  void run() {
    asio::post(context_, [this] { next(); });
    context_.run();
  }

 private:
  void next() {
    if (!state_.KeepRunning()) return context_.stop();
    timer_.expires_at(from_now(cancel_ ? length_.next() : 0ns));
    timer_.async_wait([this](boost::system::error_code) { next(); });
    if (cancel_) timer_.cancel();
  }

  benchmark::State& state_;
  const bool cancel_;
  lengths length_;
  asio::io_context context_{1};
  std::deque<asio::steady_timer> others_;
  asio::steady_timer timer_{context_};
};

void timer_cancelled_asio(benchmark::State& state) { asio_timers(state, true).run(); }
void timer_due_asio(benchmark::State& state) { asio_timers(state, false).run(); }

/// libuv tells nobody when a timer is stopped, and counts in milliseconds.
void uv_timers(benchmark::State& state, bool cancel) {
  uv_loop_t loop;
  uv_loop_init(&loop);
  lengths length(state);
  const auto start = [&](uv_timer_t& timer, std::chrono::nanoseconds time) {
    const auto milliseconds = std::chrono::duration_cast<std::chrono::milliseconds>(time);
    uv_timer_start(&timer, [](uv_timer_t*) {}, static_cast<std::uint64_t>(milliseconds.count()), 0);
  };
  std::vector<uv_timer_t> timers(others + 1);
  for (uv_timer_t& timer : timers) {
    uv_timer_init(&loop, &timer);
    if (&timer != &timers.back()) start(timer, length.next());
  }
  for (auto _ : state) {
    uv_update_time(&loop);  // as the others read the clock
    start(timers.back(), cancel ? length.next() : 0ns);
    if (cancel) {
      uv_timer_stop(&timers.back());
    } else {
      uv_run(&loop, UV_RUN_NOWAIT);
    }
  }
  for (uv_timer_t& timer : timers) uv_close(reinterpret_cast<uv_handle_t*>(&timer), nullptr);
  uv_run(&loop, UV_RUN_DEFAULT);
  uv_loop_close(&loop);
}

void timer_cancelled_libuv(benchmark::State& state) { uv_timers(state, true); }
void timer_due_libuv(benchmark::State& state) { uv_timers(state, false); }

BENCHMARK(timer_cancelled_fanout)->ArgName("in_no_order")->Arg(0)->Arg(1);
BENCHMARK(timer_cancelled_asio)->ArgName("in_no_order")->Arg(0)->Arg(1);
BENCHMARK(timer_cancelled_libuv)->ArgName("in_no_order")->Arg(0)->Arg(1);
BENCHMARK(timer_due_fanout)->ArgName("in_no_order")->Arg(0)->Arg(1);
BENCHMARK(timer_due_asio)->ArgName("in_no_order")->Arg(0)->Arg(1);
BENCHMARK(timer_due_libuv)->ArgName("in_no_order")->Arg(0)->Arg(1);

}  // namespace
