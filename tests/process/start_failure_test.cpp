// SPDX-License-Identifier: Apache-2.0
// Workers that cannot be started: the reason is said, and it is not tried for ever. T22.
#include <unistd.h>

#include <chrono>

#include "fanout/errors.hpp"
#include "process/supervisor.hpp"
#include "support.hpp"

namespace {

using namespace std::chrono_literals;
using fanout::process_pool;

/// Of workers that are forks of one such program, and of workers that each are one.
class ProcessPoolStart : public fanout_test::clean_process_test,
                         public ::testing::WithParamInterface<fanout::start_method> {
 protected:
  void TearDown() override {
    fanout::detail::supervisor::set_start_timeout(10s);
    clean_process_test::TearDown();
  }

  /// What the first task of a pool with such workers fails with.
  static std::string failure(std::vector<std::string> command, unsigned workers = 2) {
    process_pool pool({.workers = workers, .start = GetParam(), .worker_command = std::move(command)});
    auto queued = pool.submit([] { return 1; });
    auto map = pool.map([](int x) { return x; }, std::vector{1, 2});
    const auto error = fanout_test::thrown_by<fanout::pool_broken>([&] { static_cast<void>(queued.get()); });
    EXPECT_THROW(static_cast<void>(map.get()), fanout::pool_broken);
    EXPECT_THROW(static_cast<void>(pool.submit([] { return 1; }).get()), fanout::pool_broken)
        << "and so does what comes later";
    return error.what();
  }
};

TEST_P(ProcessPoolStart, IsGivenUpWithTheReasonAfterThreeFailures) {  // T22
  const std::string runs = ::testing::TempDir() + "fanout_starts_" + std::to_string(::getpid());
  const std::string what = failure({"/bin/sh", "-c", "echo x >> " + runs + "; exit 7"});
  EXPECT_NE(what.find("exited with code 7 before it was ready"), std::string::npos) << what;
  EXPECT_NE(what.find("/bin/sh"), std::string::npos) << what;
  std::ifstream in(runs);
  int starts = 0;
  for (std::string line; std::getline(in, line);) ++starts;
  EXPECT_GE(starts, 3);
  EXPECT_LE(starts, 2 + 2) << "never more than the workers and two";
  std::filesystem::remove(runs);
}

TEST_P(ProcessPoolStart, OfACommandThatDoesNotExistIsGivenUp) {
  ::testing::internal::CaptureStderr();
  const std::string what = failure({"/no/such/program"});
  EXPECT_NE(what.find("/no/such/program"), std::string::npos) << what;
  const std::string printed = ::testing::internal::GetCapturedStderr();
  EXPECT_NE((what + printed).find("No such file or directory"), std::string::npos) << what << printed;
}

TEST_P(ProcessPoolStart, OfAProgramThatNeverBecomesAWorkerTimesOut) {  // T22
  fanout::detail::supervisor::set_start_timeout(50ms);
  const std::string what = failure({"/bin/sleep", "1000"});
  EXPECT_NE(what.find("fanout::init(argc, argv) first in its main"), std::string::npos) << what;
}

TEST_P(ProcessPoolStart, OfAWorkerThatMakesAPoolBeforeInitFails) {
  ::testing::internal::CaptureStderr();
  const std::string what = failure({FANOUT_FOREIGN_HOST, FANOUT_FOREIGN_MODULE});
  EXPECT_NE(what.find("exited with code 72"), std::string::npos) << what;
  EXPECT_NE(::testing::internal::GetCapturedStderr().find("call fanout::init(argc, argv) first"), std::string::npos);
}

TEST_P(ProcessPoolStart, OfAProgramThatNeverBecomesAWorkerIsNotWaitedForWithoutTasks) {
  fanout::detail::supervisor::set_start_timeout(1h);
  const process_pool pool({.workers = 3, .start = GetParam(), .worker_command = {"/bin/sh", "-c", "sleep 3600; true"}});
}

TEST_P(ProcessPoolStart, OfACommandThatIsTooLongIsRefused) {
  const auto error = fanout_test::thrown_by<fanout::error>(
      [] { process_pool({.start = GetParam(), .worker_command = {"/bin/true", std::string(70'000, 'x')}}); });
  EXPECT_NE(std::string(error.what()).find("has 70011 bytes"), std::string::npos) << error.what();
}

TEST_P(ProcessPoolStart, TakesACommandOfTheGreatestLength) {
  EXPECT_NE(failure({"/bin/false", std::string(65'000, 'x')}).find("exited with code 1"), std::string::npos);
}

INSTANTIATE_TEST_SUITE_P(Start, ProcessPoolStart,
                         ::testing::Values(fanout::start_method::forkserver, fanout::start_method::spawn),
                         fanout_test::start_method_name);

TEST(ProcessPoolStartMethod, ForkCannotBeThatOfAnotherProgram) {
  const auto error = fanout_test::thrown_by<fanout::error>(
      [] { process_pool({.start = fanout::start_method::fork, .worker_command = {"/bin/true"}}); });
  EXPECT_NE(std::string(error.what()).find("use start_method::forkserver"), std::string::npos) << error.what();
}

}  // namespace
