// SPDX-License-Identifier: Apache-2.0
#include "fanout/workers.hpp"

#include <gtest/gtest.h>
#include <sched.h>

#include <thread>

namespace {

TEST(DefaultWorkers, IsAtLeastOneAndAtMostTheCpusOnline) {
  EXPECT_GE(fanout::default_workers(), 1U);
  EXPECT_LE(fanout::default_workers(), std::thread::hardware_concurrency());
}

TEST(DefaultWorkers, FollowsTheAffinityMask) {
  cpu_set_t before, one;
  ASSERT_EQ(sched_getaffinity(0, sizeof before, &before), 0);
  CPU_ZERO(&one);
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(cpu, &before)) {
      CPU_SET(cpu, &one);
      break;
    }
  }
  ASSERT_EQ(sched_setaffinity(0, sizeof one, &one), 0);
  EXPECT_EQ(fanout::default_workers(), 1U);
  ASSERT_EQ(sched_setaffinity(0, sizeof before, &before), 0);
}

}  // namespace
