// SPDX-License-Identifier: Apache-2.0
// The process pool's lines of the public face (DESIGN.md, section 3), as a program outside this repository would write
// them: nothing in its main is about workers.
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>
#include <fanout/fanout.hpp>

#include <chrono>
#include <concepts>
#include <csignal>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <numeric>
#include <ranges>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

using namespace std::chrono_literals;

// --- options

static_assert(!std::copyable<fanout::process_pool>);
static_assert(fanout::pool<fanout::process_pool> && !fanout::executor<fanout::process_pool>);

TEST(Face, ProcessPoolOptions) {
  const fanout::process_pool_options defaults;
  EXPECT_EQ(defaults.workers, fanout::default_workers());
  EXPECT_EQ(defaults.start, fanout::start_method::forkserver);
  EXPECT_EQ(defaults.max_tasks_per_worker, 0U);
  EXPECT_EQ(defaults.task_timeout, fanout::duration::zero());
  EXPECT_EQ(defaults.memory_limit, 0U);
  EXPECT_EQ(defaults.retries, 0U);
  EXPECT_EQ(defaults.initializer, nullptr);
  EXPECT_TRUE(defaults.worker_command.empty());

  EXPECT_EQ(fanout::process_pool().workers(), fanout::default_workers());
  EXPECT_EQ(fanout::process_pool(3).workers(), 3U);
  EXPECT_EQ(fanout::process_pool({.workers = 2}).workers(), 2U);
}

/// The process that ran this program's static constructors.
const pid_t constructed_in = ::getpid();

struct lineage {
  pid_t worker, constructed_in;
};
lineage worker_of(fanout::start_method start) {
  fanout::process_pool pool({.workers = 1, .start = start});
  return pool.submit([] { return lineage{::getpid(), constructed_in}; }).get();
}

TEST(Face, SpawnStartsTheProgramAnew) {
  const lineage spawned = worker_of(fanout::start_method::spawn);
  EXPECT_NE(spawned.worker, ::getpid());
  EXPECT_EQ(spawned.constructed_in, spawned.worker);
}

TEST(Face, ForkserverForksAHelper) {
  const lineage forked = worker_of(fanout::start_method::forkserver);
  EXPECT_NE(forked.constructed_in, forked.worker);
  EXPECT_NE(forked.constructed_in, ::getpid());
}

TEST(Face, ForkCopiesTheProgram) {
  const lineage forked = worker_of(fanout::start_method::fork);
  EXPECT_NE(forked.worker, ::getpid());
  EXPECT_EQ(forked.constructed_in, ::getpid());
}

TEST(Face, WorkerCommandIsWhatWorkersRun) {
  const std::vector<std::string> command{std::filesystem::read_symlink("/proc/self/exe"), "worker of the face"};
  const auto command_line = [] {
    std::ifstream in("/proc/self/cmdline");
    return std::string(std::istreambuf_iterator<char>(in), {});
  };
  for (const auto start : {fanout::start_method::forkserver, fanout::start_method::spawn}) {
    fanout::process_pool pool({.workers = 1, .start = start, .worker_command = command});
    EXPECT_NE(pool.submit(command_line).get().find("worker of the face"), std::string::npos);
  }
}

TEST(Face, InitAndIsWorkerProcess) {
  std::string name = "face_tests";
  char* argv[] = {name.data(), nullptr};
  fanout::init(1, argv);  // which returns: this process is no worker
  EXPECT_FALSE(fanout::is_worker_process());
  fanout::process_pool pool(1);
  EXPECT_TRUE(pool.submit(fanout::is_worker_process).get());
}

// --- submit, map

int square(int x) { return x * x; }

struct account {
  std::string owner;
  long cents = 0;
  std::string with(long deposit) const { return owner + " has " + std::to_string(cents + deposit); }
};

TEST(Face, ProcessPoolSubmit) {
  fanout::process_pool pool(2);
  fanout::future<int> f = pool.submit(square, 7);
  EXPECT_EQ(f.get(), 49);
  EXPECT_EQ(pool.submit([](int a, int b) { return a - b; }, 5, 3).get(), 2);
  EXPECT_EQ(pool.submit(std::plus<>(), 1, 2).get(), 3);
  EXPECT_EQ(pool.submit(fanout::fn<&account::with>, account{"Ada", 250}, 50).get(), "Ada has 300");
  EXPECT_EQ(pool.submit(fanout::fn<&square>, 3).get(), 9);

  std::string mine = "mine";
  pool.submit([](std::string theirs) { theirs = "theirs"; }, mine).get();
  EXPECT_EQ(mine, "mine") << "arguments travel by value";
}

TEST(Face, ProcessPoolMap) {
  fanout::process_pool pool(2);
  const std::vector<int> inputs{1, 2, 3};
  fanout::mapped<int> mapped = pool.map(square, inputs, {.chunk = 1});
  EXPECT_EQ(mapped.get(), (std::vector{1, 4, 9}));
  pool.map([](int) {}, std::vector{1, 2}).get();

  const auto odd_only = [](int x) { return x % 2 == 1 ? x : throw std::invalid_argument("even"); };
  std::vector<bool> succeeded;
  for (fanout::result<int> item : pool.map(odd_only, inputs).results()) succeeded.push_back(item.has_value());
  EXPECT_EQ(succeeded, (std::vector{true, false, true}));
  EXPECT_THROW(pool.map(odd_only, inputs).get(), std::invalid_argument);

  for (auto&& item : pool.map(square, std::views::iota(1), {.window = 4, .ordered = false}).results()) {
    EXPECT_GE(item.value(), 1);
    break;
  }
  auto sum_of_some = [&]() -> fanout::task<int> {
    auto results = pool.map(square, std::views::iota(0)).results();
    int sum = 0;
    for (int i = 0; i < 3; ++i) sum += (co_await results.next())->value();
    co_return sum;
  };
  EXPECT_EQ(fanout::run(sum_of_some()), 0 + 1 + 4);
}

TEST(Face, SharedArrayAndBuffer) {
  fanout::process_pool pool(2);
  fanout::shared_array<double> samples(1000);
  std::iota(samples.begin(), samples.end(), 0.0);
  const auto sum = [](const fanout::shared_array<double>& s) { return std::accumulate(s.begin(), s.end(), 0.0); };
  EXPECT_EQ(pool.submit(sum, samples).get(), 499'500);
  EXPECT_EQ(pool.map(sum, std::vector{samples.slice(0, 2), samples.slice(10, 2)}).get(), (std::vector{1.0, 21.0}));

  const auto write = [](fanout::shared_array<double> s) {
    s[0] = 7;
    return s;
  };
  EXPECT_EQ(pool.submit(write, samples).get()[0], 7);
  EXPECT_EQ(samples[0], 0) << "in a worker a copy is written to";

  const fanout::shared_array made = pool.submit([] { return fanout::shared_array<int>{1, 2, 3}; }).get();
  EXPECT_EQ(made.size(), 3U);
  EXPECT_EQ(made[2], 3);

  fanout::shared_buffer bytes(4096);
  bytes.data()[1] = std::byte{5};
  EXPECT_EQ(pool.submit([](const fanout::shared_buffer& b) { return b.data()[1]; }, bytes).get(), std::byte{5});
  EXPECT_EQ(bytes.size(), 4096U);
}

TEST(Face, CoroutinesAwaitProcesses) {
  fanout::process_pool pool(2);
  auto main = [&]() -> fanout::task<int> {
    fanout::future<int> nine = pool.submit(square, 3);
    const std::vector<int> more = co_await pool.map(square, std::vector{1, 2});
    auto task = [](fanout::process_pool& p, int x) -> fanout::task<int> { co_return co_await p.submit(square, x); };
    const auto [a, b] = co_await fanout::gather(task(pool, 4), task(pool, 5));
    co_return co_await std::move(nine) + more[0] + more[1] + a + b;
  };
  EXPECT_EQ(fanout::run(main()), 9 + 1 + 4 + 16 + 25);
}

TEST(Face, AsCompletedServesProcesses) {
  fanout::process_pool pool(2);
  std::vector<fanout::future<int>> futures;
  for (int i = 0; i < 3; ++i) futures.push_back(pool.submit(square, i));
  int sum = 0;
  for (auto&& f : fanout::as_completed(std::move(futures))) sum += f.get();
  EXPECT_EQ(sum, 0 + 1 + 4);
}

TEST(Face, ProcessPoolDrains) {
  fanout::future<int> f;
  {
    fanout::process_pool pool(1);
    f = pool.submit(square, 4);
  }
  EXPECT_TRUE(f.ready());
  EXPECT_EQ(f.get(), 16);
}

// --- options that limit what tasks and workers may do

bool initialized = false;

TEST(Face, ProcessPoolLimits) {
  fanout::process_pool pool({.workers = 1,
                             .start = fanout::start_method::forkserver,
                             .max_tasks_per_worker = 2,
                             .task_timeout = 10s,
                             .memory_limit = std::size_t{8} << 30,
                             .retries = 1,
                             .initializer = [] { initialized = true; },
                             .worker_command = {}});
  EXPECT_TRUE(pool.submit([] { return initialized; }).get());
  const pid_t first = pool.submit(::getpid).get();
  EXPECT_NE(pool.submit(::getpid).get(), first) << "it has done its two tasks";
}

TEST(Face, TaskOptions) {
  fanout::process_pool pool(1);
  EXPECT_EQ(pool.submit(fanout::task_options{}, square, 3).get(), 9);
  EXPECT_EQ(pool.submit({.timeout = 10s, .retries = 1}, square, 4).get(), 16);
  EXPECT_THROW(pool.submit({.timeout = 20ms}, ::pause).get(), fanout::timed_out);
}

TEST(Face, ATokenAsksATaskOfAProcessPoolToStop) {
  fanout::process_pool pool(1);
  auto patient = pool.submit([](fanout::stop_token token) {
    while (!token.stop_requested()) ::usleep(100);
    throw fanout::cancelled();
  });
  EXPECT_TRUE(patient.cancel());
  EXPECT_THROW(patient.get(), fanout::cancelled);
}

TEST(Face, ProcessPoolShutdownAndStats) {
  fanout::process_pool pool(1);
  EXPECT_EQ(pool.submit(square, 3).get(), 9);
  const fanout::pool_stats stats = pool.stats();
  EXPECT_EQ(stats.workers, 1U);
  EXPECT_EQ(stats.completed, 1U);
  EXPECT_TRUE(pool.shutdown(fanout::shutdown_mode::drain, 10s));
  EXPECT_TRUE(pool.shutdown());
  EXPECT_THROW(static_cast<void>(pool.submit(square, 3)), fanout::pool_closed);
}

// --- what ends a task early

TEST(Face, ACrashFailsAlone) {
  fanout::process_pool pool(2);
  fanout::future<void> crash = pool.submit([] { ::raise(SIGSEGV); });
  fanout::future<void> exit = pool.submit([] { ::_exit(3); });
  fanout::future<int> well = pool.submit(square, 5);
  try {
    crash.get();
    ADD_FAILURE() << "it did not crash";
  } catch (const fanout::worker_died& died) {
    EXPECT_EQ(died.signal(), SIGSEGV);
    EXPECT_EQ(died.exit_code(), 0);
    EXPECT_NE(died.pid(), ::getpid());
    EXPECT_EQ(std::string(died.what()).find("worker " + std::to_string(died.pid()) + " died: SIGSEGV"), 0U);
  }
  try {
    exit.get();
    ADD_FAILURE() << "it did not exit";
  } catch (const fanout::worker_died& died) {
    EXPECT_EQ(died.signal(), 0);
    EXPECT_EQ(died.exit_code(), 3);
    EXPECT_GT(died.pid(), 0);
  }
  EXPECT_EQ(well.get(), 25);
}

struct their_error : std::runtime_error {
  using std::runtime_error::runtime_error;
};

TEST(Face, ExceptionsComeBack) {
  fanout::process_pool pool(1);
  EXPECT_THROW(pool.submit([] { throw std::out_of_range("far"); }).get(), std::out_of_range);
  try {
    pool.submit([] { throw their_error("it broke"); }).get();
    ADD_FAILURE() << "nothing was thrown";
  } catch (const fanout::remote_error& error) {
    EXPECT_NE(error.type().find("their_error"), std::string::npos);
    EXPECT_STREQ(error.what(), "it broke");
  }
}

TEST(Face, KillEndsATaskThatRuns) {
  fanout::process_pool pool(2);
  const std::string begun = ::testing::TempDir() + "fanout_begun_" + std::to_string(::getpid());
  ASSERT_EQ(::mkfifo(begun.c_str(), S_IRUSR | S_IWUSR), 0);
  fanout::future<void> stuck = pool.submit(
      [](const std::string& path) {
        std::ofstream{path};
        for (;;) ::pause();
      },
      begun);
  std::ifstream{begun};  // until the task opens it
  std::filesystem::remove(begun);
  EXPECT_FALSE(stuck.cancel());
  EXPECT_TRUE(stuck.cancel(fanout::cancel_mode::kill));
  EXPECT_THROW(stuck.get(), fanout::cancelled);
  EXPECT_EQ(pool.map(square, {5, 6}).get(), (std::vector{25, 36}));
}

}  // namespace
