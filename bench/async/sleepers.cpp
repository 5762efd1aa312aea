// SPDX-License-Identifier: Apache-2.0
// `sleepers LIBRARY [N]`: N tasks that sleep for a second each, all at the same time, and what that costs.
// compare_sleepers runs it for them all.
#include <sys/resource.h>
#include <uv.h>

#include <boost/asio.hpp>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <vector>

#include "fanout/fanout.hpp"
#include "fresh_process.hpp"

namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;

fanout::task<> fanout_sleeper() { co_await fanout::sleep(1s); }

fanout::task<> fanout_sleepers(std::size_t n) {
  std::vector<fanout::task<>> tasks;
  tasks.reserve(n);
  for (std::size_t i = 0; i < n; ++i) tasks.push_back(fanout_sleeper());
  co_await fanout::gather(std::move(tasks));
}

void run_fanout(std::size_t n) {
  fanout::event_loop loop;
  loop.run(fanout_sleepers(n));
}

asio::awaitable<void> asio_sleeper() {
  asio::steady_timer timer(co_await asio::this_coro::executor, 1s);
  co_await timer.async_wait(asio::use_awaitable);
}

void run_asio(std::size_t n) {
  asio::io_context context(1);
  for (std::size_t i = 0; i < n; ++i) asio::co_spawn(context, asio_sleeper(), asio::detached);
  context.run();
}

// Timers without coroutines: the least that a peer can do.
void run_libuv(std::size_t n) {
  std::vector<uv_timer_t> timers(n);
  uv_loop_t loop;
  uv_loop_init(&loop);
  for (uv_timer_t& timer : timers) {
    uv_timer_init(&loop, &timer);
    uv_timer_start(&timer, [](uv_timer_t*) {}, 1000, 0);
  }
  uv_run(&loop, UV_RUN_DEFAULT);
  for (uv_timer_t& timer : timers) uv_close(reinterpret_cast<uv_handle_t*>(&timer), nullptr);
  uv_run(&loop, UV_RUN_DEFAULT);
  uv_loop_close(&loop);
}

double cpu_seconds() {
  rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + 1e-6 * static_cast<double>(t.tv_usec);
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

void measure(const char* library, void (*run)(std::size_t), std::size_t n) {
  const double memory = resident("VmRSS"), cpu = cpu_seconds();
  const auto begin = std::chrono::steady_clock::now();
  run(n);
  const std::chrono::duration<double> wall = std::chrono::steady_clock::now() - begin;
  std::printf(R"({"library": "%s", "n": %zu, "wall_s": %.3f, "cpu_s": %.3f, "bytes_per_sleeper": %.1f})"
              "\n",
              library, n, wall.count(), cpu_seconds() - cpu, (resident("VmHWM") - memory) / static_cast<double>(n));
}

constexpr measured_alone libraries[] = {{"fanout", [](std::size_t n) { measure("fanout", run_fanout, n); }},
                                        {"asio", [](std::size_t n) { measure("asio", run_asio, n); }},
                                        {"libuv", [](std::size_t n) { measure("libuv", run_libuv, n); }}};

}  // namespace

int main(int argc, char** argv) { return measure_one_of(libraries, argc, argv); }
