// SPDX-License-Identifier: Apache-2.0
// Crashes that take long, as with a core dump: T38. The machine's core_pattern is not ours to change: in its place
// stands a handler of the task's, which keeps the process from ending until the test lets it.
#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <string>
#include <vector>

#include "fanout/errors.hpp"
#include "support.hpp"
#include "support/sanitized.hpp"
#include "tasks.hpp"

namespace {

using namespace std::chrono_literals;
using fanout::process_pool;
using fanout::worker_died;
using fanout_test::event_file;
using fanout_test::square;

class ProcessPoolCoreDump : public fanout_test::each_start_method {};
FANOUT_FOR_EACH_START_METHOD(ProcessPoolCoreDump);

std::string dumping, dumped;

/// Crashes; its end takes until `let_go`.
void crash_slowly(const std::string& begun, const std::string& let_go) {
  dumping = begun;
  dumped = let_go;
  struct sigaction action{};
  action.sa_handler = [](int) {
    event_file::set(dumping);
    event_file::wait(dumped);
  };
  action.sa_flags = SA_RESETHAND | SA_NODEFER;
  ::sigaction(SIGSEGV, &action, nullptr);
  ::raise(SIGSEGV);
  ::raise(SIGSEGV);
}

TEST_P(ProcessPoolCoreDump, DelaysNobodyElse) {  // T38
  process_pool pool(options(2));
  const event_file begun, let_go;
  auto crashes = pool.submit(crash_slowly, begun.path(), let_go.path());
  ASSERT_TRUE(begun.wait());
  for (int i = 0; i < 100; ++i) EXPECT_EQ(pool.submit(square, i).get(), square(i));
  let_go.set();
  EXPECT_EQ(fanout_test::thrown_by<worker_died>([&] { crashes.get(); }).signal(), SIGSEGV);
  EXPECT_TRUE(fanout_test::still_works(pool));
}

TEST_P(ProcessPoolCoreDump, EndsWithTheTimeOfItsTask) {  // T38
  process_pool pool(options(1));
  const event_file begun, let_go;
  auto crashes = pool.submit({.timeout = 200ms}, crash_slowly, begun.path(), let_go.path());
  EXPECT_THROW(crashes.get(), fanout::timed_out);
  EXPECT_FALSE(let_go.is_set());
  EXPECT_TRUE(fanout_test::still_works(pool));
}

TEST_P(ProcessPoolCoreDump, EndsWithThePool) {  // T38
  process_pool pool(options(1));
  const event_file begun, let_go;
  auto crashes = pool.submit(crash_slowly, begun.path(), let_go.path());
  ASSERT_TRUE(begun.wait());
  EXPECT_TRUE(pool.shutdown(fanout::shutdown_mode::kill));
  EXPECT_THROW(crashes.get(), fanout::pool_closed);
}

/// As the machine is set up: into a directory of the test, or wherever it has them go.
TEST_P(ProcessPoolCoreDump, ChangesNothingAboutTheCrash) {  // T38
  const std::string directory = ::testing::TempDir() + "fanout_cores_" + std::to_string(::getpid());
  std::filesystem::create_directory(directory);
  {
    process_pool pool(options(1));
    for (const bool dumps : {false, !fanout_test::sanitized}) {  // one of a sanitizer is huge
      auto crashes = pool.submit(
          [](const std::string& where, bool with_core) {
            std::filesystem::current_path(where);
            rlimit limit{};
            ::getrlimit(RLIMIT_CORE, &limit);
            limit.rlim_cur = with_core ? limit.rlim_max : 0;
            ::setrlimit(RLIMIT_CORE, &limit);
            ::raise(SIGSEGV);
          },
          directory, dumps);
      EXPECT_EQ(fanout_test::thrown_by<worker_died>([&] { crashes.get(); }).signal(), SIGSEGV);
    }
    EXPECT_TRUE(fanout_test::still_works(pool));
  }
  std::filesystem::remove_all(directory);
}

}  // namespace
