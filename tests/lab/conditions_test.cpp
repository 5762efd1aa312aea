// SPDX-License-Identifier: Apache-2.0
// What disturbs a round, read from files like the kernel's, in a directory of the test's.
#include "lab/conditions.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace {

using lab::machine_counters;

struct Conditions : testing::Test {
  void TearDown() override { std::filesystem::remove_all(root); }

  void write(const std::string& path, const std::string& text) const {
    const std::filesystem::path file = root + path;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file) << text;
  }

  const std::string root = testing::TempDir() + "fanout_conditions_" + std::to_string(getpid());
  const double tick = 1. / static_cast<double>(sysconf(_SC_CLK_TCK));
};

TEST_F(Conditions, CpuTimesAreThoseOfTheWholeMachine) {
  write("/proc/stat", "cpu  100 20 30 4000 50 6 7 80 900 0\ncpu0 1 2 3 4 5 6 7 8 9 0\n");
  const auto counters = lab::read_machine_counters(root);
  ASSERT_TRUE(counters.cpu);
  EXPECT_NEAR(counters.cpu->busy, 163 * tick, 1e-9);
  EXPECT_NEAR(counters.cpu->idle, 4050 * tick, 1e-9);
  EXPECT_NEAR(counters.cpu->stolen, 80 * tick, 1e-9);
}

TEST_F(Conditions, WhatCannotBeReadIsNotKnown) {
  const auto counters = lab::read_machine_counters(root);
  EXPECT_FALSE(counters.cpu);
  EXPECT_FALSE(counters.throttled);
  const auto round = lab::conditions_between(counters, counters);
  EXPECT_FALSE(round.steal || round.others || round.throttled);
  EXPECT_FALSE(round.disturbed());
}

TEST_F(Conditions, ThrottlingIsCountedInTheGroupAndItsAncestors) {
  write("/proc/self/cgroup", "0::/jobs/one\n");
  write("/sys/fs/cgroup/jobs/one/cpu.stat", "usage_usec 5\nnr_periods 9\nnr_throttled 3\nthrottled_usec 7\n");
  write("/sys/fs/cgroup/jobs/cpu.stat", "nr_periods 9\nnr_throttled 4\nthrottled_usec 7\n");
  EXPECT_EQ(lab::read_machine_counters(root).throttled, 7);
}

TEST_F(Conditions, ThrottlingIsFoundWhereTheControllerIsOfVersion1) {
  write("/proc/self/cgroup", "3:memory:/one\n2:cpu,cpuacct:/one\n0::/\n");
  write("/sys/fs/cgroup/cpu/one/cpu.stat", "nr_periods 9\nnr_throttled 5\nthrottled_time 7\n");
  EXPECT_EQ(lab::read_machine_counters(root).throttled, 5);
}

TEST_F(Conditions, WhatIsNotOursIsOfOthers) {
  const machine_counters before{
      .cpu = machine_counters::cpu_times{.busy = 100, .idle = 50, .stolen = 1}, .ours_s = 10, .throttled = 2};
  machine_counters after{
      .cpu = machine_counters::cpu_times{.busy = 106, .idle = 53.8, .stolen = 1.2}, .ours_s = 15, .throttled = 2};
  auto round = lab::conditions_between(before, after);  // of 10 s of CPU time we had 5, others 1, the hypervisor 0.2
  EXPECT_NEAR(*round.others, 0.1, 1e-9);
  EXPECT_NEAR(*round.steal, 0.02, 1e-9);
  EXPECT_EQ(round.throttled, 0);
  EXPECT_TRUE(round.shared() && round.stolen_from() && !round.held_back());

  after = {
      .cpu = machine_counters::cpu_times{.busy = 105.4, .idle = 54.55, .stolen = 1.05}, .ours_s = 15, .throttled = 2};
  round = lab::conditions_between(before, after);
  EXPECT_FALSE(round.disturbed()) << "4 % and half a percent are borne";
  after.throttled = 3;
  EXPECT_TRUE(lab::conditions_between(before, after).held_back());
}

TEST_F(Conditions, AFewTicksOfAShortRoundAreNoDisturbance) {
  const machine_counters before{.cpu = machine_counters::cpu_times{.busy = 0, .idle = 0, .stolen = 0}};
  const machine_counters after{.cpu = machine_counters::cpu_times{.busy = 0.03, .idle = 0.05, .stolen = 0.02}};
  EXPECT_FALSE(lab::conditions_between(before, after).disturbed());
}

}  // namespace
