// SPDX-License-Identifier: Apache-2.0
// Workers and nannies that are killed under load: T05, and the nanny's death. scripts/soak does this for longer.
#include "ordeal.hpp"

#include <csignal>
#include <string>
#include <vector>

#include "fanout/errors.hpp"
#include "support.hpp"
#include "tasks.hpp"

namespace {

using fanout::process_pool;
using fanout::worker_died;
using fanout_test::event_file;
using fanout_test::ordeal_plan;
using fanout_test::square;
using fanout_test::tally;

class ProcessPoolOrdeal : public fanout_test::each_start_method {
 protected:
  static bool is_fork() { return GetParam() == fanout::start_method::fork; }
};
FANOUT_FOR_EACH_START_METHOD(ProcessPoolOrdeal);

TEST_P(ProcessPoolOrdeal, EveryTaskIsAccountedForWhenWorkersAreKilled) {  // T05
  const auto account = fanout_test::go_through({.start = GetParam(), .workers = 2, .kills = 15, .seed = 5});
  EXPECT_TRUE(account.wrong.empty()) << account;
  EXPECT_GT(account.succeeded, account.died);
  EXPECT_EQ(account.run_again, 0U);
}

TEST_P(ProcessPoolOrdeal, NoTaskFailsThatMayBeRunAgain) {  // T05
  const auto account =
      fanout_test::go_through({.start = GetParam(), .workers = 3, .retries = 1000, .kills = 15, .seed = 6});
  EXPECT_TRUE(account.wrong.empty()) << account;
  EXPECT_EQ(account.succeeded + account.cancelled, account.submitted) << account;
}

TEST_P(ProcessPoolOrdeal, EveryTaskIsAccountedForWhenNanniesAreKilled) {
  const auto account = fanout_test::go_through(
      {.start = GetParam(), .workers = 2, .kills = is_fork() ? 1U : 8U, .nannies_in_100 = 100, .seed = 7});
  EXPECT_TRUE(account.wrong.empty()) << account;
  EXPECT_EQ(account.broken == 0, !is_fork()) << account;
}

TEST_P(ProcessPoolOrdeal, NoTaskFailsThatMayBeRunAgainByAnotherNannysWorkers) {
  if (is_fork()) GTEST_SKIP() << "there is no other";
  const auto account = fanout_test::go_through(
      {.start = GetParam(), .workers = 2, .retries = 1000, .kills = 8, .nannies_in_100 = 100, .seed = 8});
  EXPECT_TRUE(account.wrong.empty()) << account;
  EXPECT_EQ(account.succeeded + account.cancelled, account.submitted) << account;
}

/// The nanny dies while each worker is at a task and others wait.
class ProcessPoolNanny : public fanout_test::each_start_method {
 protected:
  static bool is_fork() { return GetParam() == fanout::start_method::fork; }
};
FANOUT_FOR_EACH_START_METHOD(ProcessPoolNanny);

int begin_and_hang_once(const std::string& runs, std::size_t index, const std::string& begun) {
  if (tally::count(runs, index) == 1) fanout_test::begin_and_hang(begun);
  return static_cast<int>(index);
}

TEST_P(ProcessPoolNanny, ThatIsKilledCostsWhatItsWorkersRan) {
  process_pool pool(options(2));
  const pid_t nanny = pool.submit(::getppid).get();
  const tally runs(2);
  const event_file begun[2];
  std::vector<fanout::future<int>> running, queued;
  for (std::size_t i = 0; i < 2; ++i)
    running.push_back(pool.submit(begin_and_hang_once, runs.path(), i, begun[i].path()));
  ASSERT_TRUE(begun[0].wait() && begun[1].wait());
  for (int i = 0; i < 100; ++i) queued.push_back(pool.submit(square, i));
  ::kill(nanny, SIGKILL);
  for (auto& each : running) {
    const std::string what = fanout_test::what_fails<worker_died>(each);
    EXPECT_NE(what.find("the nanny process that watches the workers was killed"), std::string::npos) << what;
  }
  for (int i = 0; i < 100; ++i) {
    auto& each = queued[static_cast<std::size_t>(i)];
    if (is_fork()) {
      EXPECT_NE(fanout_test::what_fails<fanout::pool_broken>(each).find("nanny"), std::string::npos);
    } else {
      EXPECT_EQ(each.get(), square(i));
    }
  }
  if (!is_fork()) EXPECT_NE(pool.submit(::getppid).get(), nanny);
}

TEST_P(ProcessPoolNanny, ThatIsKilledCostsNothingThatMayBeRunAgain) {
  if (is_fork()) GTEST_SKIP() << "there is no other";
  auto retrying = options(2);
  retrying.retries = 1;
  process_pool pool(retrying);
  const pid_t nanny = pool.submit(::getppid).get();
  const tally runs(2);
  const event_file begun[2];
  std::vector<fanout::future<int>> running;
  for (std::size_t i = 0; i < 2; ++i)
    running.push_back(pool.submit(begin_and_hang_once, runs.path(), i, begun[i].path()));
  ASSERT_TRUE(begun[0].wait() && begun[1].wait());
  ::kill(nanny, SIGKILL);
  for (std::size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(running[i].get(), static_cast<int>(i));
    EXPECT_EQ(runs[i], 2U);
  }
  EXPECT_TRUE(fanout_test::still_works(pool));
}

TEST_P(ProcessPoolNanny, ThatIsKilledTakesAllPoolsWorkersWithIt) {
  if (is_fork()) GTEST_SKIP() << "it has one pool";
  process_pool one(options(1)), other(options(1));
  const pid_t nanny = one.submit(::getppid).get();
  ASSERT_EQ(other.submit(::getppid).get(), nanny);
  const pid_t worker = other.submit(fanout_test::own_pid).get();
  ::kill(nanny, SIGKILL);
  EXPECT_TRUE(fanout_test::is_gone(worker));
  EXPECT_TRUE(fanout_test::still_works(one));
  EXPECT_TRUE(fanout_test::still_works(other));
  EXPECT_EQ(one.submit(::getppid).get(), other.submit(::getppid).get()) << "they have one in common again";
}

TEST_P(ProcessPoolNanny, MayBeStoppedForAWhile) {
  process_pool pool(options(2));
  const pid_t nanny = pool.submit(::getppid).get();
  ::kill(nanny, SIGSTOP);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(pool.submit(square, i).get(), square(i)) << "nobody needs it to run tasks";
  auto fatal = pool.submit([] { ::raise(SIGKILL); });
  std::vector<fanout::future<int>> others;
  for (int i = 0; i < 100; ++i) others.push_back(pool.submit(square, i));
  for (int i = 0; i < 100; ++i) EXPECT_EQ(others[static_cast<std::size_t>(i)].get(), square(i));
  ::kill(nanny, SIGCONT);
  EXPECT_THROW(fatal.get(), worker_died) << "which only it can tell of";
  EXPECT_TRUE(fanout_test::still_works(pool));
}

}  // namespace
