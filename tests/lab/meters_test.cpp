// SPDX-License-Identifier: Apache-2.0
// The meters against processes that count for themselves: what they burn by their own CPU clock, how much memory they
// touch, how often they sleep. Never against the wall clock: the machine may be busy.
#include <gtest/gtest.h>
#include <linux/perf_event.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <ctime>
#include <functional>
#include <thread>

#include "lab/hardware_counters.hpp"
#include "lab/load_meter.hpp"
#include "lab/meter.hpp"
#include "lab/process_tree.hpp"
#include "lab/worker_meter.hpp"
#include "support/sanitized.hpp"

namespace {

double clock_s(clockid_t clock) {
  timespec t{};
  clock_gettime(clock, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

void burn(double cpu_s) {
  const double until = clock_s(CLOCK_THREAD_CPUTIME_ID) + cpu_s;
  while (clock_s(CLOCK_THREAD_CPUTIME_ID) < until) {
  }
}

void sleep_often(int times) {
  const timespec moment{.tv_sec = 0, .tv_nsec = 50'000};
  for (int i = 0; i < times; ++i) nanosleep(&moment, nullptr);
}

/// Resident from here on, to the page.
void touch(std::size_t bytes) {
  void* const memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
  ASSERT_NE(memory, MAP_FAILED);
}

/// One fault for each page. Sanitizers would add those of their own memory.
[[clang::no_sanitize("address", "thread")]] void touch_each_of(std::size_t pages) {
  const auto page = static_cast<std::size_t>(getpagesize());
  void* const memory = mmap(nullptr, pages * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  madvise(memory, pages * page, MADV_NOHUGEPAGE);
  for (std::size_t i = 0; i < pages; ++i) static_cast<volatile char*>(memory)[i * page] = 1;
}

/// A pipe for numbers between processes.
class wire {
 public:
  wire() { EXPECT_EQ(pipe(ends_), 0); }
  ~wire() {
    close(ends_[0]);
    close(ends_[1]);
  }
  wire(const wire&) = delete;
  wire& operator=(const wire&) = delete;

  template <class T>
  void send(T value) const {
    EXPECT_EQ(write(ends_[1], &value, sizeof value), static_cast<ssize_t>(sizeof value));
  }
  template <class T = char>
  T receive() const {
    T value{};
    EXPECT_EQ(read(ends_[0], &value, sizeof value), static_cast<ssize_t>(sizeof value));
    return value;
  }

 private:
  int ends_[2] = {-1, -1};
};

pid_t forked(const std::function<void()>& body) {
  const pid_t child = fork();
  if (child == 0) {
    body();
    _exit(0);
  }
  return child;
}

void wait_for(pid_t child) {
  int status = -1;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

/// Within 3 %, or so much as the meter's own resolution is.
void expect_close(double measured, double counted, double resolution) {
  EXPECT_NEAR(measured, counted, std::max(0.03 * counted, resolution));
}

TEST(Meters, CpuTimeIsThatOfTheWholeTree) {
  const wire own;
  lab::meter meter;
  meter.start();
  const double before = clock_s(CLOCK_PROCESS_CPUTIME_ID);
  wait_for(forked([&] {
    wait_for(forked([&] {
      burn(0.08);
      own.send(clock_s(CLOCK_PROCESS_CPUTIME_ID));
    }));
    burn(0.05);
    own.send(clock_s(CLOCK_PROCESS_CPUTIME_ID));
  }));
  const double ours = clock_s(CLOCK_PROCESS_CPUTIME_ID) - before;
  meter.stop_clock();
  const double counted = ours + own.receive<double>() + own.receive<double>();
  const auto costs = meter.finish();
  EXPECT_GE(counted, 0.13);
  // What a process takes to end it cannot count itself: with a sanitizer's memory that is milliseconds.
  expect_close(costs.at("cpu_user_s").get<double>() + costs.at("cpu_sys_s").get<double>(), counted,
               fanout_test::sanitized ? 0.02 : 0.005);
}

TEST(Meters, LoadIsThatOfTheWholeTreeSinceTheFirstLook) {
  const wire begin, burnt, looked;
  const pid_t child = forked([&] {
    burn(0.05);
    burnt.send('b');
    begin.receive();
    burn(0.1);
    burnt.send(clock_s(CLOCK_PROCESS_CPUTIME_ID));
    looked.receive();
  });
  burnt.receive();
  lab::load_meter load;
  load.look(getpid());
  begin.send('b');
  const double counted = burnt.receive<double>();
  load.look(getpid());
  looked.send('l');
  wait_for(child);
  ASSERT_EQ(load.samples().size(), 2U);
  EXPECT_EQ(load.samples()[0].cpu_s, 0);
  EXPECT_GE(counted, 0.15);
  EXPECT_NEAR(load.samples()[1].cpu_s, 0.1, 0.03);  // by a tick or two late, and our own looking
  EXPECT_GE(load.samples()[1].at_ns, load.samples()[0].at_ns + 100'000'000);
}

TEST(Meters, VoluntarySwitchesAreThoseOfTheWholeTree) {
  lab::meter meter;
  meter.start();
  wait_for(forked([] {
    wait_for(forked([] { sleep_often(300); }));
    sleep_often(200);
  }));
  meter.stop_clock();
  expect_close(meter.finish().at("ctx").at("voluntary").get<double>(), 500, 15);
}

TEST(Meters, PageFaultsAreThoseOfTheWholeTree) {
  const auto faults = [](std::size_t pages) {
    lab::meter meter;
    meter.start();
    wait_for(forked([=] { wait_for(forked([=] { touch_each_of(pages); })); }));
    meter.stop_clock();
    return meter.finish().at("faults").at("minor").get<double>();
  };
  const double none = faults(0);
  expect_close(faults(4000) - none, 4000, 100);
}

TEST(Meters, MemoryOfTheTreeIsWhatItsProcessesTouched) {
  constexpr std::size_t child_bytes = 40 << 20, grandchild_bytes = 24 << 20;
  const wire up, to_child, to_grandchild;
  const pid_t child = forked([&] {
    const pid_t grandchild = forked([&] {
      up.send(getpid());
      to_grandchild.receive();
      touch(grandchild_bytes);
      up.send('t');
      to_grandchild.receive();
    });
    to_child.receive();
    touch(child_bytes);
    up.send('t');
    to_child.receive();
    wait_for(grandchild);
  });
  const auto grandchild = up.receive<pid_t>();
  const auto tell_both = [&] {
    to_child.send('g');
    to_grandchild.send('g');
  };
  const auto pss = lab::tree_pss_bytes(child);
  const auto peaks = lab::peak_bytes_of(child) + lab::peak_bytes_of(grandchild);
  tell_both();
  up.receive();
  up.receive();
  expect_close(static_cast<double>(lab::tree_pss_bytes(child) - pss), child_bytes + grandchild_bytes, 1e6);
  expect_close(static_cast<double>(lab::peak_bytes_of(child) + lab::peak_bytes_of(grandchild) - peaks),
               child_bytes + grandchild_bytes, 1e6);
  tell_both();
  wait_for(child);
}

TEST(WorkerMeter, AThreadsCpuTimeAndSleepsAreReadFromOutside) {
  const wire up, down;
  double counted = 0;
  std::thread worker([&] {
    burn(0.02);  // before its first task: not to be counted
    const lab::worker_start start = lab::this_worker();
    const double before = clock_s(CLOCK_THREAD_CPUTIME_ID);
    burn(0.06);
    sleep_often(300);
    counted = clock_s(CLOCK_THREAD_CPUTIME_ID) - before;
    up.send(start);
    down.receive();
  });
  const auto costs = lab::costs_since(up.receive<lab::worker_start>());
  down.send('e');
  worker.join();
  ASSERT_TRUE(costs);
  expect_close(costs->at("cpu_s"), counted, 0.001);
  expect_close(costs->at("voluntary"), 300, 9);
  EXPECT_FALSE(costs->contains("pid"));
}

TEST(WorkerMeter, AProcessCountsWithAllItsThreads) {
  const wire up, down;
  const pid_t child = forked([&] {
    std::thread([&] {
      const lab::worker_start start = lab::this_worker();
      const double before = clock_s(CLOCK_PROCESS_CPUTIME_ID);
      std::thread([] { burn(0.04); }).join();
      burn(0.04);
      touch(16 << 20);
      const double counted = clock_s(CLOCK_PROCESS_CPUTIME_ID) - before;
      up.send(start);
      up.send(counted);
      down.receive();
    }).join();
  });
  const auto start = up.receive<lab::worker_start>();
  const auto counted = up.receive<double>();
  const auto costs = lab::costs_since(start);
  down.send('e');
  wait_for(child);
  ASSERT_TRUE(costs);
  expect_close(costs->at("cpu_s"), counted, 0.001);
  EXPECT_EQ(costs->at("pid"), child);
  EXPECT_GE(costs->at("vmhwm_bytes"), 16U << 20);
}

TEST(WorkerMeter, OfOneThatHasEndedNothingIsKnown) {
  lab::worker_start start;
  std::thread([&] { start = lab::this_worker(); }).join();
  EXPECT_FALSE(lab::costs_since(start));
}

TEST(WorkerMeter, WhoWaitsForACpuIsInItsRunQueue) {
  const auto on_one_cpu = [] {
    cpu_set_t allowed, one;
    sched_getaffinity(0, sizeof allowed, &allowed);
    CPU_ZERO(&one);
    for (int cpu = 0; cpu < CPU_SETSIZE && CPU_COUNT(&one) == 0; ++cpu)
      if (CPU_ISSET(cpu, &allowed)) CPU_SET(cpu, &one);
    sched_setaffinity(0, sizeof one, &one);
  };
  struct times {
    lab::worker_start start;
    double wall_s, cpu_s;
  };
  const wire up, down;
  const auto contender = [&] {
    on_one_cpu();
    const lab::worker_start start = lab::this_worker();
    const double began = clock_s(CLOCK_MONOTONIC), before = clock_s(CLOCK_THREAD_CPUTIME_ID);
    burn(0.05);
    const double cpu_s = clock_s(CLOCK_THREAD_CPUTIME_ID) - before;
    up.send(times{.start = start, .wall_s = clock_s(CLOCK_MONOTONIC) - began, .cpu_s = cpu_s});
    down.receive();
  };
  std::thread one(contender), other(contender);
  double waited = 0, queued = 0;
  for (int i = 0; i < 2; ++i) {
    const auto counted = up.receive<times>();
    const auto costs = lab::costs_since(counted.start);
    ASSERT_TRUE(costs);
    if (!costs->contains("runq_s")) continue;
    waited += counted.wall_s - counted.cpu_s;  // it never slept
    queued += costs->at("runq_s").get<double>();
  }
  down.send('e');
  down.send('e');
  one.join();
  other.join();
  if (queued == 0) GTEST_SKIP() << "this kernel does not tell run-queue delays";
  // What a hypervisor takes is in the one and not in the other.
  EXPECT_LE(queued, waited + 0.002);
  EXPECT_GE(queued, 0.7 * waited);
}

TEST(WorkerMeter, AListHasEachWorkerOnceAndGivesItsPlace) {
  lab::worker_list list;
  lab::worker_start gone;
  std::thread([&] { gone = lab::this_worker(); }).join();
  std::thread([&] {
    EXPECT_EQ(list.place_of(lab::this_worker()), 0U);
    EXPECT_EQ(list.place_of(gone), 1U);
    EXPECT_EQ(list.place_of(lab::this_worker()), 0U);
  }).join();
  ASSERT_EQ(list.costs().size(), 2U);
  EXPECT_TRUE(list.costs()[0].contains("cpu_s"));
  EXPECT_EQ(list.costs()[1], nlohmann::json::object());
}

// Few machines of ours have hardware counters; page faults are counted by the same means everywhere.
TEST(HardwareCounters, CountAProcessAndWhatItStarts) {
  constexpr std::size_t pages = 2000;
  const wire down;
  const pid_t child = forked([&] {
    down.receive();
    wait_for(forked([] { touch_each_of(pages); }));
  });
  const lab::hardware_counters counters(child, {{"faults", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_PAGE_FAULTS}});
  down.send('g');
  wait_for(child);
  const auto counts = counters.read();
  if (counts.empty()) GTEST_SKIP() << "perf_event_open is not allowed here";
  EXPECT_EQ(counts[0].name, "faults");
  EXPECT_GE(counts[0].value, pages);
  EXPECT_LE(counts[0].value, pages * 2);
}

TEST(HardwareCounters, WhereThereAreNoneNothingFails) {
  const lab::hardware_counters counters(getpid());
  if (const auto reason = lab::why_no_hardware_counters()) {
    EXPECT_FALSE(reason->empty());
    EXPECT_TRUE(counters.read().empty());
  } else {
    EXPECT_FALSE(counters.read().empty());
  }
}

}  // namespace
