// SPDX-License-Identifier: Apache-2.0
// To another thread and back, both asleep when it arrives: a message to a loop there, which answers. The yardstick is
// what the system needs for that, an eventfd each way. All take turns within one benchmark, so that a disturbance of
// the machine hits them all: compare the p50 of one run. Where the threads run makes all the difference, so it is said:
// cpus:1 both on one, cpus:2 each on its own, cpus:0 wherever the system puts them.
#include <benchmark/benchmark.h>
#include <pthread.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <uv.h>

#include <array>
#include <boost/asio.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <thread>

#include "fanout/fanout.hpp"
#include "samples.hpp"

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
  placed(int cpus, int thread) noexcept {
    if (cpus == 0) return;
    int left = cpus == 1 ? 0 : thread;
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

/// The round trips of one turn: begin each with `again()`, until that says no. The first are not counted: the threads
/// have slept, and others have used the caches.
class trips {
 public:
  trips(std::size_t count, samples& times) : left_(count), counted_(count - count / 8), times_(times) {}

  bool again() {
    const auto now = clock::now();
    if (left_ < counted_) times_.add(std::chrono::duration<double, std::micro>(now - began_).count());
    began_ = now;
    return left_-- > 0;
  }

 private:
  using clock = std::chrono::steady_clock;

  std::size_t left_;
  const std::size_t counted_;
  samples& times_;
  clock::time_point began_;
};

class eventfds {
 public:
  explicit eventfds(int cpus)
      : thread_([this, cpus] {
          const placed second(cpus, 1);
          while (read_from(there_) == ping) write_to(back_, ping);
        }) {}
  eventfds(const eventfds&) = delete;
  eventfds& operator=(const eventfds&) = delete;
  ~eventfds() {
    write_to(there_, stop);
    thread_.join();
    close(there_);
    close(back_);
  }

  void make(trips& t) {
    while (t.again()) {
      write_to(there_, ping);
      read_from(back_);
    }
  }

 private:
  static constexpr std::uint64_t ping = 1, stop = 2;

  static void write_to(int fd, std::uint64_t value) {
    [[maybe_unused]] const auto written = write(fd, &value, sizeof value);
  }
  static std::uint64_t read_from(int fd) {
    std::uint64_t value = 0;
    [[maybe_unused]] const auto got = read(fd, &value, sizeof value);
    return value;
  }

  const int there_ = eventfd(0, EFD_CLOEXEC), back_ = eventfd(0, EFD_CLOEXEC);
  std::thread thread_;
};

class fanout_loops {
 public:
  explicit fanout_loops(int cpus)
      : thread_([this, cpus] {
          const placed second(cpus, 1);
          there_.run(until(there_over_));
        }) {}
  fanout_loops(const fanout_loops&) = delete;
  fanout_loops& operator=(const fanout_loops&) = delete;
  ~fanout_loops() {
    there_.post([this] { there_over_.set(); });
    thread_.join();
  }

  void make(trips& t) {
    fanout::event over;
    here_.post([this, &t, &over] { begin(t, over); });
    here_.run(until(over));
  }

 private:
  static fanout::task<> until(fanout::event& over) { co_await over.wait(); }

  void begin(trips& t, fanout::event& over) {
    if (!t.again()) return over.set();
    there_.post([this, &t, &over] { here_.post([this, &t, &over] { begin(t, over); }); });
  }

  fanout::event_loop here_, there_;
  fanout::event there_over_;
  std::thread thread_;
};

class asio_contexts {
 public:
  explicit asio_contexts(int cpus)
      : thread_([this, cpus] {
          const placed second(cpus, 1);
          there_.run();
        }) {}
  asio_contexts(const asio_contexts&) = delete;
  asio_contexts& operator=(const asio_contexts&) = delete;
  ~asio_contexts() {
    there_.stop();
    thread_.join();
  }

  void make(trips& t) {
    here_.restart();
    asio::post(here_, [this, &t] { begin(t); });
    here_.run();
  }

 private:
  void begin(trips& t) {
    if (!t.again()) return here_.stop();
    asio::post(there_, [this, &t] { asio::post(here_, [this, &t] { begin(t); }); });
  }

  asio::io_context here_{1}, there_{1};
  const asio::executor_work_guard<asio::io_context::executor_type> keep_here_{here_.get_executor()},
      keep_there_{there_.get_executor()};
  std::thread thread_;
};

class uv_loops {
 public:
  explicit uv_loops(int cpus) {
    here_.open([](uv_async_t* wake) { static_cast<uv_loops*>(wake->data)->begin(); }, this);
    there_.open([](uv_async_t* wake) { static_cast<uv_loops*>(wake->data)->answer(); }, this);
    thread_ = std::thread([this, cpus] {
      const placed second(cpus, 1);
      uv_run(&there_.loop, UV_RUN_DEFAULT);
    });
  }
  uv_loops(const uv_loops&) = delete;
  uv_loops& operator=(const uv_loops&) = delete;
  ~uv_loops() {
    over_ = true;
    uv_async_send(&there_.wake);
    thread_.join();
    uv_close(reinterpret_cast<uv_handle_t*>(&here_.wake), nullptr);
    uv_run(&here_.loop, UV_RUN_DEFAULT);
    uv_loop_close(&here_.loop);
    uv_loop_close(&there_.loop);
  }

  void make(trips& t) {
    trips_ = &t;
    uv_async_send(&here_.wake);
    uv_run(&here_.loop, UV_RUN_DEFAULT);
  }

 private:
  struct side {
    uv_loop_t loop;
    uv_async_t wake;

    void open(uv_async_cb told, void* data) {
      uv_loop_init(&loop);
      uv_async_init(&loop, &wake, told);
      wake.data = data;
    }
  };

  void begin() {
    if (trips_->again()) {
      uv_async_send(&there_.wake);
    } else {
      uv_stop(&here_.loop);
    }
  }
  void answer() {
    if (over_) {
      uv_close(reinterpret_cast<uv_handle_t*>(&there_.wake), nullptr);
    } else {
      uv_async_send(&here_.wake);
    }
  }

  side here_, there_;
  trips* trips_ = nullptr;
  bool over_ = false;  // the send that says so orders it
  std::thread thread_;
};

/// Whose turn is first changes.
class contest {
 public:
  explicit contest(int cpus) : raw_(cpus), fanout_(cpus), asio_(cpus), uv_(cpus) {}

  void round(std::size_t count) {
    for (std::size_t i = 0; i < names_.size(); ++i) {
      const std::size_t which = (i + rounds_) % names_.size();
      trips t(count, times_[which]);
      switch (which) {
        case 0:
          raw_.make(t);
          break;
        case 1:
          fanout_.make(t);
          break;
        case 2:
          asio_.make(t);
          break;
        case 3:
          uv_.make(t);
          break;
      }
    }
    ++rounds_;
  }

  void report(benchmark::State& state) {
    const double raw = times_[0].median();
    for (std::size_t i = 0; i < names_.size(); ++i) {
      state.counters[names_[i] + "_p50_us"] = times_[i].median();
      if (i > 0) state.counters[names_[i] + "_ratio"] = times_[i].median() / raw;
    }
  }

 private:
  eventfds raw_;
  fanout_loops fanout_;
  asio_contexts asio_;
  uv_loops uv_;
  const std::array<std::string, 4> names_{"raw", "fanout", "asio", "libuv"};
  std::array<samples, 4> times_;
  std::size_t rounds_ = 0;
};

void posts(benchmark::State& state) {
  const auto cpus = static_cast<int>(state.range(0));
  const placed first(cpus, 0);
  contest c(cpus);
  for (auto _ : state) c.round(400);
  c.report(state);
}

// The time of an iteration says nothing, the counters do.
BENCHMARK(posts)->ArgName("cpus")->DenseRange(0, 2)->Iterations(100)->UseRealTime()->Unit(benchmark::kMillisecond);

}  // namespace
