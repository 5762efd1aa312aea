// SPDX-License-Identifier: Apache-2.0
// To another thread and back, both asleep when it arrives: a message to a loop there, which answers. The yardstick is
// what the system needs for that, an eventfd each way. Where the threads run makes all the difference, so it is said:
// cpus:1 both on one, cpus:2 each on its own, cpus:0 wherever the system puts them. Compare p50, and only within a row.
#include <benchmark/benchmark.h>
#include <pthread.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <uv.h>

#include <algorithm>
#include <boost/asio.hpp>
#include <chrono>
#include <cstdint>
#include <thread>
#include <vector>

#include "fanout/fanout.hpp"

namespace {

namespace asio = boost::asio;

cpu_set_t all_cpus() noexcept {
  cpu_set_t cpus;
  pthread_getaffinity_np(pthread_self(), sizeof cpus, &cpus);
  return cpus;
}

/// Where this thread, the first or the second, is to run, as long as it lives.
class placed {
 public:
  placed(const benchmark::State& state, int thread) noexcept {
    if (state.range(0) == 0) return;
    int left = state.range(0) == 1 ? 0 : thread;
    for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
      if (!CPU_ISSET(cpu, &all_) || left-- > 0) continue;
      cpu_set_t only;
      CPU_ZERO(&only);
      CPU_SET(cpu, &only);
      pthread_setaffinity_np(pthread_self(), sizeof only, &only);
      return;
    }
  }
  placed(const placed&) = delete;
  placed& operator=(const placed&) = delete;
  ~placed() { pthread_setaffinity_np(pthread_self(), sizeof all_, &all_); }

 private:
  inline static const cpu_set_t all_ = all_cpus();
};

/// The round trips of one benchmark: begin each with `again()`, until that says no.
class trips {
 public:
  explicit trips(benchmark::State& state) : state_(state) { times_.reserve(1 << 20); }

  bool again() {
    const auto now = clock::now();
    if (began_ != clock::time_point()) times_.push_back(now - began_);
    began_ = now;
    return state_.KeepRunning();
  }

  void report() {
    if (times_.empty()) return;
    const auto middle = times_.begin() + static_cast<std::ptrdiff_t>(times_.size() / 2);
    std::nth_element(times_.begin(), middle, times_.end());
    state_.counters["p50_us"] = std::chrono::duration<double, std::micro>(*middle).count();
  }

 private:
  using clock = std::chrono::steady_clock;

  benchmark::State& state_;
  clock::time_point began_;
  std::vector<clock::duration> times_;
};

class eventfd_pair {
 public:
  eventfd_pair() : there_(eventfd(0, EFD_CLOEXEC)), back_(eventfd(0, EFD_CLOEXEC)) {}
  eventfd_pair(const eventfd_pair&) = delete;
  eventfd_pair& operator=(const eventfd_pair&) = delete;
  ~eventfd_pair() {
    close(there_);
    close(back_);
  }

  void send(std::uint64_t value) { write_to(there_, value); }
  std::uint64_t receive() { return read_from(there_); }
  void answer(std::uint64_t value) { write_to(back_, value); }
  std::uint64_t answered() { return read_from(back_); }

 private:
  static void write_to(int fd, std::uint64_t value) {
    [[maybe_unused]] const auto written = write(fd, &value, sizeof value);
  }
  static std::uint64_t read_from(int fd) {
    std::uint64_t value = 0;
    [[maybe_unused]] const auto got = read(fd, &value, sizeof value);
    return value;
  }

  const int there_, back_;
};

void posts_raw(benchmark::State& state) {
  constexpr std::uint64_t ping = 1, stop = 2;
  const placed here(state, 0);
  eventfd_pair fds;
  std::thread other([&] {
    const placed there(state, 1);
    while (fds.receive() == ping) fds.answer(ping);
  });
  trips t(state);
  while (t.again()) {
    fds.send(ping);
    fds.answered();
  }
  fds.send(stop);
  other.join();
  t.report();
}

fanout::task<> until(fanout::event& over) { co_await over.wait(); }

struct fanout_trip {
  fanout::event_loop &here, &there;
  fanout::event &here_over, &there_over;
  trips& t;

  void begin() {
    if (t.again()) {
      there.post([this] { here.post([this] { begin(); }); });
    } else {
      there.post([this] { there_over.set(); });
      here_over.set();
    }
  }
};

void posts_fanout(benchmark::State& state) {
  const placed on_first(state, 0);
  fanout::event_loop here, there;
  fanout::event here_over, there_over;
  std::thread other([&] {
    const placed on_second(state, 1);
    there.run(until(there_over));
  });
  trips t(state);
  fanout_trip trip{here, there, here_over, there_over, t};
  here.post([&] { trip.begin(); });
  here.run(until(here_over));
  other.join();
  t.report();
}

struct asio_trip {
  asio::io_context &here, &there;
  trips& t;

  void begin() {
    if (t.again()) {
      asio::post(there, [this] { asio::post(here, [this] { begin(); }); });
    } else {
      there.stop();
      here.stop();
    }
  }
};

void posts_asio(benchmark::State& state) {
  const placed on_first(state, 0);
  asio::io_context here(1), there(1);
  const auto keep_here = asio::make_work_guard(here), keep_there = asio::make_work_guard(there);
  std::thread other([&] {
    const placed on_second(state, 1);
    there.run();
  });
  trips t(state);
  asio_trip trip{here, there, t};
  asio::post(here, [&] { trip.begin(); });
  here.run();
  other.join();
  t.report();
}

struct uv_side {
  uv_loop_t loop;
  uv_async_t wake;

  void open(uv_async_cb told, void* data) {
    uv_loop_init(&loop);
    uv_async_init(&loop, &wake, told);
    wake.data = data;
  }
  void run() {
    uv_run(&loop, UV_RUN_DEFAULT);
    uv_loop_close(&loop);
  }
  void stop() { uv_close(reinterpret_cast<uv_handle_t*>(&wake), nullptr); }
};

struct uv_trip {
  uv_side here, there;
  trips& t;
  bool over = false;  // the send that says so orders it

  void begin() {
    over = !t.again();
    uv_async_send(&there.wake);
    if (over) here.stop();
  }
  void answer() {
    if (over) {
      there.stop();
    } else {
      uv_async_send(&here.wake);
    }
  }
};

void posts_libuv(benchmark::State& state) {
  const placed on_first(state, 0);
  trips t(state);
  uv_trip trip{.here = {}, .there = {}, .t = t};
  trip.here.open([](uv_async_t* wake) { static_cast<uv_trip*>(wake->data)->begin(); }, &trip);
  trip.there.open([](uv_async_t* wake) { static_cast<uv_trip*>(wake->data)->answer(); }, &trip);
  std::thread other([&] {
    const placed on_second(state, 1);
    trip.there.run();
  });
  uv_async_send(&trip.here.wake);
  trip.here.run();
  other.join();
  t.report();
}

BENCHMARK(posts_raw)->ArgName("cpus")->DenseRange(0, 2)->UseRealTime();
BENCHMARK(posts_fanout)->ArgName("cpus")->DenseRange(0, 2)->UseRealTime();
BENCHMARK(posts_asio)->ArgName("cpus")->DenseRange(0, 2)->UseRealTime();
BENCHMARK(posts_libuv)->ArgName("cpus")->DenseRange(0, 2)->UseRealTime();

}  // namespace
