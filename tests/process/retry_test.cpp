// SPDX-License-Identifier: Apache-2.0
// Tasks that are run again because their worker died, and those that are not.
#include <chrono>
#include <csignal>
#include <numeric>
#include <stdexcept>
#include <string>
#include <vector>

#include "fanout/errors.hpp"
#include "support.hpp"
#include "tasks.hpp"

namespace {

using namespace std::chrono_literals;
using fanout::process_pool;
using fanout::worker_died;
using fanout_test::tally;

class ProcessPoolRetry : public fanout_test::each_start_method {
 protected:
  static fanout::process_pool_options retrying(unsigned workers, unsigned retries) {
    auto o = options(workers);
    o.retries = retries;
    return o;
  }
};
FANOUT_FOR_EACH_START_METHOD(ProcessPoolRetry);

/// Kills its worker so often, then gives a result.
int die_first(const std::string& runs, std::size_t index, unsigned deaths) {
  if (tally::count(runs, index) <= deaths) ::raise(SIGKILL);
  return static_cast<int>(index);
}

TEST_P(ProcessPoolRetry, ATaskWhoseWorkerDiesIsRunAgain) {
  process_pool pool(retrying(1, 2));
  const tally runs(1);
  EXPECT_EQ(pool.submit(die_first, runs.path(), 0U, 2U).get(), 0);
  EXPECT_EQ(runs[0], 3U);
  const auto stats = pool.stats();
  EXPECT_EQ(stats.died, 2U);
  EXPECT_EQ(stats.retried, 2U);
  EXPECT_EQ(stats.completed, 1U);
}

TEST_P(ProcessPoolRetry, NotMoreOftenThanItMay) {
  process_pool pool(retrying(1, 2));
  const tally runs(1);
  auto fatal = pool.submit(die_first, runs.path(), 0U, 100U);
  EXPECT_NE(fanout_test::what_fails<worker_died>(fatal).find("SIGKILL"), std::string::npos);
  EXPECT_EQ(runs[0], 3U);
  EXPECT_TRUE(fanout_test::still_works(pool));
}

TEST_P(ProcessPoolRetry, NotAtAllUnlessItIsToldTo) {
  process_pool pool(options(1));
  const tally runs(1);
  EXPECT_THROW(static_cast<void>(pool.submit(die_first, runs.path(), 0U, 1U).get()), worker_died);
  EXPECT_EQ(runs[0], 1U);
  EXPECT_EQ(pool.stats().retried, 0U);
}

TEST_P(ProcessPoolRetry, OneTaskMayBeAllowedMoreThanItsPool) {
  process_pool pool(retrying(1, 1));
  const tally runs(2);
  EXPECT_EQ(pool.submit({.retries = 3}, die_first, runs.path(), 0U, 3U).get(), 0);
  EXPECT_THROW(static_cast<void>(pool.submit(die_first, runs.path(), 1U, 3U).get()), worker_died);
  EXPECT_EQ(runs[0], 4U);
  EXPECT_EQ(runs[1], 2U);
}

TEST_P(ProcessPoolRetry, AnItemOfAMapIsRunAgainAlone) {
  process_pool pool(retrying(2, 1));
  const tally runs(100);
  struct job {
    std::string runs;
    std::size_t index;
  };
  std::vector<job> jobs;
  for (std::size_t i = 0; i < 100; ++i) jobs.push_back({runs.path(), i});
  const auto die_at_10 = [](const job& j) { return die_first(j.runs, j.index, j.index % 25 == 10 ? 1 : 0); };
  int index = 0;
  for (const int result : pool.map(die_at_10, jobs, {.chunk = 25}).get()) EXPECT_EQ(result, index++);
  for (std::size_t i = 0; i < 100; ++i) EXPECT_EQ(runs[i], i % 25 == 10 ? 2U : 1U) << i;
}

TEST_P(ProcessPoolRetry, ATaskThatThrowsIsNot) {
  process_pool pool(retrying(1, 3));
  const tally runs(1);
  auto fails = pool.submit(
      [](const std::string& counters) {
        tally::count(counters, 0);
        throw std::runtime_error("once");
      },
      runs.path());
  EXPECT_THROW(fails.get(), std::runtime_error);
  EXPECT_EQ(runs[0], 1U);
}

void count_and_hang(const std::string& runs, const std::string& begun) {
  tally::count(runs, 0);
  fanout_test::begin_and_hang(begun);
}

TEST_P(ProcessPoolRetry, NorOneThatThePoolKilledForItsOwnSake) {
  process_pool pool(retrying(1, 3));
  const tally runs(1);
  const fanout_test::event_file late, cancelled;
  EXPECT_THROW(pool.submit({.timeout = 100ms}, count_and_hang, runs.path(), late.path()).get(), fanout::timed_out);
  EXPECT_LE(runs[0], 1U);
  const unsigned before = runs[0];
  auto stuck = pool.submit(count_and_hang, runs.path(), cancelled.path());
  ASSERT_TRUE(cancelled.wait());
  EXPECT_TRUE(stuck.cancel(fanout::cancel_mode::kill));
  EXPECT_THROW(stuck.get(), fanout::cancelled);
  EXPECT_EQ(runs[0], before + 1);
  EXPECT_EQ(pool.stats().retried, 0U);
}

TEST_P(ProcessPoolRetry, EndsWithThePool) {
  process_pool pool(retrying(1, 1'000'000));
  const tally runs(1);
  auto fatal = pool.submit(die_first, runs.path(), 0U, 1'000'000U);
  EXPECT_TRUE(fanout_test::eventually([&] { return runs[0] > 2; }));
  EXPECT_TRUE(pool.shutdown(fanout::shutdown_mode::kill));
  try {
    static_cast<void>(fatal.get());
    ADD_FAILURE() << "it cannot have a result";
  } catch (const fanout::pool_closed&) {
  } catch (const worker_died&) {  // by its own hand, just then
  }
}

}  // namespace
