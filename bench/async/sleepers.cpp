// SPDX-License-Identifier: Apache-2.0
// `sleepers LIBRARY [N]`: N tasks that sleep for a second each, all at the same time, and what that costs. One library
// in one process: the memory of the next would come from what the last has left. compare_sleepers runs them all.
#include <sys/resource.h>
#include <uv.h>

#include <boost/asio.hpp>
#include <charconv>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include "fanout/fanout.hpp"

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

/// A line of /proc/self/status, in bytes: VmRSS is what is resident, VmHWM the most there ever was.
double resident(std::string_view name) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with(name)) return 1024.0 * std::strtod(line.c_str() + name.size() + 1, nullptr);
  }
  return 0;
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

struct library {
  const char* name;
  void (*run)(std::size_t);
};
constexpr library libraries[] = {{"fanout", run_fanout}, {"asio", run_asio}, {"libuv", run_libuv}};

}  // namespace

int main(int argc, char** argv) {
  std::size_t n = 1'000'000;
  bool right = argc == 2;
  if (argc == 3) {
    const char* const end = argv[2] + std::strlen(argv[2]);
    const auto [stopped, error] = std::from_chars(argv[2], end, n);
    right = error == std::errc() && stopped == end && n > 0;
  }
  for (const library& l : libraries) {
    if (!right || std::string_view(argv[1]) != l.name) continue;
    measure(l.name, l.run, n);
    return 0;
  }
  std::fputs("usage: sleepers fanout|asio|libuv [N]\n", stderr);
  return 2;
}
