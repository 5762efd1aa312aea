// SPDX-License-Identifier: Apache-2.0
// What each worker does before its first task, and what becomes of a pool where that fails: T21.
#include <sys/mman.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <optional>
#include <stdexcept>
#include <string>

#include "fanout/errors.hpp"
#include "process/supervisor.hpp"
#include "support.hpp"
#include "support/sanitized.hpp"
#include "tasks.hpp"

namespace {

using namespace std::chrono_literals;
using fanout::pool_broken;
using fanout::process_pool;
using fanout_test::tally;

constexpr unsigned most_attempts = 3;

/// Initializers take no arguments: this is where they find what they count in.
constexpr char counters_variable[] = "FANOUT_TEST_COUNTERS";

int initialized = 0;

unsigned count_start() { return tally::count(::getenv(counters_variable), 0); }

class ProcessPoolInitializer : public fanout_test::each_start_method {
 protected:
  void SetUp() override {
    each_start_method::SetUp();
    starts_.emplace(1);
    variable_.emplace(counters_variable, starts_->path());
  }
  void TearDown() override {
    fanout::detail::supervisor::set_start_timeout(10s);
    variable_.reset();
    starts_.reset();
    each_start_method::TearDown();
  }

  static fanout::process_pool_options initialized_by(void (*initializer)(), unsigned workers) {
    auto o = options(workers);
    o.initializer = initializer;
    return o;
  }

  /// What a pool with such workers breaks with.
  std::string failure(void (*initializer)(), unsigned workers = 2) {
    process_pool pool(initialized_by(initializer, workers));
    auto task = pool.submit(fanout_test::square, 1);
    auto map = pool.map(fanout_test::square, {1, 2, 3});
    const std::string what = fanout_test::what_fails<pool_broken>(task);
    EXPECT_THROW(static_cast<void>(map.get()), pool_broken);
    EXPECT_THROW(static_cast<void>(pool.submit(fanout_test::square, 1).get()), pool_broken) << "later, too";
    EXPECT_NE(what.find("given up after 3 attempts"), std::string::npos) << what;
    EXPECT_GE(starts(), most_attempts);
    EXPECT_LE(starts(), most_attempts - 1 + workers) << "no more are tried";
    return what;
  }
  unsigned starts() const { return (*starts_)[0]; }

 private:
  std::optional<tally> starts_;
  std::optional<fanout_test::changed_variable> variable_;
};
FANOUT_FOR_EACH_START_METHOD(ProcessPoolInitializer);

TEST_P(ProcessPoolInitializer, RunsOnceInEachWorkerBeforeItsFirstTask) {
  process_pool pool(initialized_by(
      [] {
        count_start();
        ++initialized;
      },
      2));
  for (int i = 0; i < 10; ++i) EXPECT_EQ(pool.submit([] { return initialized; }).get(), 1);
  EXPECT_THROW(pool.submit([] { ::raise(SIGKILL); }).get(), fanout::worker_died);
  for (int i = 0; i < 10; ++i) EXPECT_EQ(pool.submit([] { return initialized; }).get(), 1) << "in its successor too";
  EXPECT_TRUE(fanout_test::eventually([&] { return starts() == 3; }));
  EXPECT_EQ(initialized, 0) << "not in the program";
}

TEST_P(ProcessPoolInitializer, ThatThrowsBreaksThePoolWithItsReason) {  // T21
  const std::string what = failure([] {
    count_start();
    throw std::runtime_error("no licence");
  });
  EXPECT_NE(what.find("its initializer failed: no licence"), std::string::npos) << what;
}

TEST_P(ProcessPoolInitializer, ThatThrowsAnythingBreaksThePool) {  // T21
  const std::string what = failure([] {
    count_start();
    throw 42;
  });
  EXPECT_NE(what.find("its initializer failed"), std::string::npos) << what;
}

TEST_P(ProcessPoolInitializer, ThatCrashesBreaksThePool) {  // T21
  const std::string what = failure([] {
    count_start();
    ::raise(SIGSEGV);
  });
  EXPECT_NE(what.find("died: SIGSEGV in its initializer"), std::string::npos) << what;
}

TEST_P(ProcessPoolInitializer, ThatExitsBreaksThePool) {  // T21
  const std::string what = failure([] {
    count_start();
    ::_exit(5);
  });
  EXPECT_NE(what.find("exited with code 5 in its initializer"), std::string::npos) << what;
}

TEST_P(ProcessPoolInitializer, ThatNeverEndsBreaksThePool) {  // T21
  fanout::detail::supervisor::set_start_timeout(fanout_test::sanitized ? 3s : 1s);
  const std::string what = failure(
      [] {
        count_start();
        fanout_test::hang();
      },
      1);
  EXPECT_NE(what.find("its initializer takes longer"), std::string::npos) << what;
}

TEST_P(ProcessPoolInitializer, MayFailNowAndThen) {
  process_pool pool(initialized_by(
      [] {
        if (count_start() % 3 != 0) throw std::runtime_error("not yet");
      },
      1));
  for (int i = 0; i < 3; ++i) {
    EXPECT_TRUE(fanout_test::still_works(pool));
    EXPECT_THROW(pool.submit([] { ::raise(SIGKILL); }).get(), fanout::worker_died);
  }
  EXPECT_TRUE(fanout_test::still_works(pool)) << "only failures in a row count";
}

TEST_P(ProcessPoolInitializer, ThatIsInNoModuleIsRefused) {
  void* const page = ::mmap(nullptr, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  EXPECT_THROW(process_pool(initialized_by(reinterpret_cast<void (*)()>(page), 1)), fanout::not_importable);
  ::munmap(page, 4096);
}

}  // namespace
