// SPDX-License-Identifier: Apache-2.0
// Systems that refuse what a pool needs, T29, and whose wall clock jumps, T39. In a program of its own, whose system
// calls go through system_calls.cpp.
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/types.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <system_error>
#include <vector>

#include "fanout/errors.hpp"
#include "process/worker_memory.hpp"
#include "support.hpp"
#include "tasks.hpp"

namespace {

using namespace std::chrono_literals;
using fanout::pool_broken;
using fanout::process_pool;
using fanout::detail::ring_bytes;
using fanout_test::event_file;
using fanout_test::square;
using fanout_test::still_works;

/// Lets system calls fail in this program, its nannies and its workers.
class ProcessPoolResources : public fanout_test::each_start_method {
 protected:
  void SetUp() override {
    each_start_method::SetUp();
    directory_ = ::testing::TempDir() + "fanout_calls";
    std::filesystem::create_directory(directory_);
    variable_.emplace("FANOUT_TEST_CALLS", directory_);
  }
  void TearDown() override {
    variable_.reset();
    std::filesystem::remove_all(directory_);
    each_start_method::TearDown();
  }

  void let_fail(const std::string& call, int error) const { tell(call, error); }
  void let_work(const std::string& call) const { std::filesystem::remove(directory_ + "/" + call); }
  /// Seconds.
  void set_clock_ahead_by(long offset) const { tell("clock", offset); }

 private:
  void tell(const std::string& call, long number) const {
    std::ofstream(directory_ + "/new") << number;
    std::filesystem::rename(directory_ + "/new", directory_ + "/" + call);  // all at once: others read it
  }

  std::string directory_;
  std::optional<fanout_test::changed_variable> variable_;
};
FANOUT_FOR_EACH_START_METHOD(ProcessPoolResources);

TEST_P(ProcessPoolResources, ThatAPoolItselfNeedsAreItsConstructorsError) {  // T29
  for (const std::string call : {"epoll_create1", "eventfd", "timerfd_create", "memfd_create", "ftruncate"}) {
    let_fail(call, EMFILE);
    const auto error = fanout_test::thrown_by<std::system_error>([] { process_pool pool(options(2)); });
    EXPECT_EQ(error.code(), std::errc::too_many_files_open);
    EXPECT_NE(std::string(error.what()).find(call), std::string::npos) << error.what();
    let_work(call);
    process_pool pool(options(2));
    EXPECT_TRUE(still_works(pool)) << call;
  }
}

/// What is not there when workers are started, in the program or in the nanny.
struct lack {
  const char* call;
  int error;
};
constexpr lack lacks[] = {{"memfd_create", ENOMEM}, {"ftruncate", ENOSPC}, {"socketpair", EMFILE}, {"fork", EAGAIN}};

TEST_P(ProcessPoolResources, ThatWorkersNeedBreakAPoolThatHasNone) {  // T29
  for (const auto& [call, error] : lacks) {
    auto shrinking = options(2);
    shrinking.idle_timeout = 1h;  // no worker is started before there is work
    process_pool pool(shrinking);
    let_fail(call, error);
    auto task = pool.submit(square, 3);
    const std::string what = fanout_test::what_fails<pool_broken>(task);
    EXPECT_NE(what.find(call), std::string::npos) << what;
    EXPECT_NE(what.find(std::generic_category().message(error)), std::string::npos) << what;
    EXPECT_NE(what.find("given up after 3 attempts"), std::string::npos) << what;
    let_work(call);
  }
}

TEST_P(ProcessPoolResources, ThatWorkersNeedDoNotStopThoseThatRun) {  // T29
  for (const auto& [call, error] : lacks) {
    process_pool pool(options(2));
    EXPECT_TRUE(fanout_test::eventually([&] { return pool.stats().started == 2; }));
    let_fail(call, error);
    EXPECT_THROW(pool.submit([] { ::raise(SIGKILL); }).get(), fanout::worker_died);
    for (int i = 0; i < 100; ++i) EXPECT_EQ(pool.submit(square, i).get(), square(i)) << call << ": one is left";
    let_work(call);
  }
}

/// So many more files than now may this process have open, and what it starts from now on. Those that are open stay so,
/// whatever their numbers: one that was inherited may have a high one, with many free below.
class few_descriptors {
 public:
  explicit few_descriptors(rlim_t more) {
    ::getrlimit(RLIMIT_NOFILE, &before_);
    rlimit few{0, before_.rlim_max};
    for (rlim_t free = 0; free <= more; ++few.rlim_cur) {
      if (!is_open(few.rlim_cur)) ++free;
    }
    --few.rlim_cur;  // the lowest number that must not be given
    ::setrlimit(RLIMIT_NOFILE, &few);
  }
  ~few_descriptors() { ::setrlimit(RLIMIT_NOFILE, &before_); }

 private:
  static bool is_open(rlim_t number) { return ::fcntl(static_cast<int>(number), F_GETFD) != -1; }

  rlimit before_{};
};

TEST_P(ProcessPoolResources, HoweverFewDescriptorsThereAreNothingHangs) {  // T29
  bool had_enough = false;
  for (rlim_t more = 0; more < 40 && !had_enough; ++more) {
    std::optional<few_descriptors> few(more);
    try {
      process_pool pool(options(2));
      std::vector<fanout::future<int>> tasks;
      for (int i = 0; i < 20; ++i) tasks.push_back(pool.submit(square, i));
      try {
        for (int i = 0; i < 20; ++i) EXPECT_EQ(tasks[static_cast<std::size_t>(i)].get(), square(i));
        had_enough = pool.stats().threads == 2;
      } catch (const pool_broken&) {  // each worker needs some, too
      }
    } catch (const std::system_error& error) {
      EXPECT_EQ(error.code(), std::errc::too_many_files_open) << error.what();
    }
    few.reset();
    EXPECT_TRUE(fanout_test::children_of("self").empty());
  }
  EXPECT_TRUE(had_enough);
}

TEST_P(ProcessPoolResources, DescriptorsThatRunOutStopNobodyWhoRuns) {  // T29
  process_pool pool(options(2));
  EXPECT_TRUE(fanout_test::eventually([&] { return pool.stats().started == 2; }));
  {
    const few_descriptors none(0);
    for (int i = 0; i < 100; ++i) EXPECT_EQ(pool.submit(square, i).get(), square(i));
    EXPECT_THROW(pool.submit([] { ::raise(SIGKILL); }).get(), fanout::worker_died);
    for (int i = 0; i < 100; ++i) EXPECT_EQ(pool.submit(square, i).get(), square(i));
  }
  EXPECT_TRUE(still_works(pool));
}

// --- large values, without slabs to put them into

using bytes = std::vector<unsigned char>;

bytes pattern(std::size_t size) {
  bytes made(size);
  for (std::size_t i = 0; i < size; ++i) made[i] = static_cast<unsigned char>(i * 31 >> 3);
  return made;
}
bytes same(const bytes& b) { return b; }

std::vector<std::size_t> large_sizes() {
  std::vector<std::size_t> sizes = {std::size_t{9} << 20, 2 * ring_bytes, 2 * ring_bytes + 1};
  for (std::size_t size = ring_bytes - 160; size <= ring_bytes + 8; size += 4) sizes.push_back(size);
  return sizes;
}

TEST_P(ProcessPoolResources, ThatSlabsNeedAreNotNeeded) {  // T26, T29
  for (const std::string call : {"memfd_create", "fallocate"}) {
    process_pool pool(options(1));
    EXPECT_TRUE(still_works(pool));
    let_fail(call, ENOMEM);
    for (const std::size_t size : large_sizes()) {
      const bytes sent = pattern(size);
      ASSERT_EQ(pool.submit(same, sent).get(), sent) << size;
    }
    const std::vector<bytes> inputs(30, pattern(ring_bytes / 3));
    for (const std::size_t chunk : {1, 7, 30}) EXPECT_EQ(pool.map(same, inputs, {.chunk = chunk}).get(), inputs);
    let_work(call);
    const bytes sent = pattern(ring_bytes * 3);
    EXPECT_EQ(pool.submit(same, sent).get(), sent);
  }
}

TEST_P(ProcessPoolResources, MayLackWhenALargeResultComes) {  // T29
  process_pool pool(options(1));
  const auto make = [](std::size_t size) { return pattern(size); };
  EXPECT_TRUE(still_works(pool));
  for (int i = 0; i < 2; ++i) {
    {
      const few_descriptors none(0);
      for (const std::size_t size : large_sizes()) ASSERT_EQ(pool.submit(make, size).get(), pattern(size)) << size;
    }
    EXPECT_EQ(pool.submit(make, std::size_t{9} << 20).get(), pattern(std::size_t{9} << 20));
  }
}

TEST_P(ProcessPoolResources, MayLackInAWorkerThatIsSentMuch) {  // T29
  process_pool pool(options(1));
  pool.submit([] {
        const rlimit none{};
        ::setrlimit(RLIMIT_NOFILE, &none);
      })
      .get();
  const pid_t worker = pool.submit(fanout_test::own_pid).get();
  for (const std::size_t size : large_sizes()) {
    const bytes sent = pattern(size);
    ASSERT_EQ(pool.submit(same, sent).get(), sent) << size;
  }
  const std::vector<bytes> inputs(10, pattern(ring_bytes * 2));
  for (const std::size_t chunk : {1, 3, 10}) EXPECT_EQ(pool.map(same, inputs, {.chunk = chunk}).get(), inputs);
  EXPECT_EQ(pool.submit(fanout_test::own_pid).get(), worker) << "it is as good as others";
}

TEST_P(ProcessPoolResources, MayLimitTheSizeOfFiles) {  // T29: to exceed that is a signal
  rlimit before{};
  ::getrlimit(RLIMIT_FSIZE, &before);
  const rlimit small{4 * ring_bytes, before.rlim_max};
  ::setrlimit(RLIMIT_FSIZE, &small);
  {
    process_pool pool(options(1));
    for (const std::size_t size : {2 * ring_bytes, std::size_t{9} << 20}) {
      const bytes sent = pattern(size);
      EXPECT_EQ(pool.submit(same, sent).get(), sent) << size;
    }
  }
  ::setrlimit(RLIMIT_FSIZE, &before);
}

// --- the clock

/// The clocks of this process's timers, as in <time.h>.
std::vector<std::string> clocks_of_timers() {
  std::vector<std::string> clocks;
  for (const auto& name : fanout_test::names_in("/proc/self/fdinfo")) {
    std::ifstream info("/proc/self/fdinfo/" + name);
    for (std::string line; std::getline(info, line);) {
      if (line.starts_with("clockid: ")) clocks.push_back(line.substr(9));
    }
  }
  return clocks;
}

using wall_clock = std::chrono::system_clock;

TEST_P(ProcessPoolResources, AWallClockThatJumpsEndsNothingEarlyOrLate) {  // T39
  auto limited = options(3);
  limited.task_timeout = 30min;
  limited.idle_timeout = 30min;
  process_pool pool(limited);
  const auto before = wall_clock::now();
  const event_file begun, let_go;
  auto runs = pool.submit(fanout_test::begin_and_wait, begun.path(), let_go.path());
  ASSERT_TRUE(begun.wait());
  for (const long offset : {3600, -3600, 7200}) {
    set_clock_ahead_by(offset);
    if (offset == 3600) {  // it is as if that were so, here and in a worker
      EXPECT_GT(wall_clock::now(), before + 59min);
      EXPECT_GT(pool.submit([] { return wall_clock::to_time_t(wall_clock::now()); }).get(),
                wall_clock::to_time_t(before + 59min));
    }
    EXPECT_TRUE(still_works(pool));
    EXPECT_FALSE(runs.wait_for(20ms)) << "no time is over";
    EXPECT_THROW(pool.submit({.timeout = 50ms}, fanout_test::hang).get(), fanout::timed_out) << "nor is it put off";
  }
  EXPECT_FALSE(clocks_of_timers().empty());
  for (const auto& clock : clocks_of_timers()) EXPECT_EQ(clock, std::to_string(CLOCK_MONOTONIC));
  let_go.set();
  EXPECT_EQ(runs.get(), 1);
  EXPECT_EQ(pool.stats().died, 3U) << "those that were late";
}

TEST_P(ProcessPoolResources, AWallClockThatJumpsBackDoesNotPutADeadlineOff) {  // T39
  process_pool pool(options(1));
  auto stuck = pool.submit(fanout_test::hang);
  set_clock_ahead_by(-3600);
  EXPECT_FALSE(pool.shutdown(fanout::shutdown_mode::drain, 50ms));
  EXPECT_THROW(stuck.get(), fanout::pool_closed);
}

}  // namespace
