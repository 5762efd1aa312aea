// SPDX-License-Identifier: Apache-2.0
// Did the kernel's out-of-memory killer end something? Read from files like the kernel's, in a directory of the test's.
#include "process/oom.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

namespace {

using fanout::detail::oom_watch;

class OomWatch : public ::testing::Test {
 protected:
  void TearDown() override { std::filesystem::remove_all(root_); }

  const std::string& root() const { return root_; }

  void write(const std::string& path, const std::string& text) const {
    const std::filesystem::path file = root_ + path;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file) << text;
  }

 private:
  const std::string root_ = ::testing::TempDir() + "fanout_oom_" + std::to_string(::getpid());
};

TEST_F(OomWatch, SeesAKillAnywhereOnce) {
  write("/proc/vmstat", "pgfault 12\noom_kill 3\npgscan 4\n");
  oom_watch watch(root());
  EXPECT_FALSE(watch.killed_since());
  write("/proc/vmstat", "pgfault 99\noom_kill 4\npgscan 5\n");
  EXPECT_TRUE(watch.killed_since());
  EXPECT_FALSE(watch.killed_since());
}

TEST_F(OomWatch, SeesAKillInItsCgroupOfVersion1) {
  write("/proc/self/cgroup", "5:cpu,cpuacct:/other\n4:memory:/job\n0::/\n");
  const std::string control = "/sys/fs/cgroup/memory/job/memory.oom_control";
  write(control, "oom_kill_disable 0\nunder_oom 0\noom_kill 0\n");
  oom_watch watch(root());
  EXPECT_FALSE(watch.killed_since());
  write(control, "oom_kill_disable 0\nunder_oom 0\noom_kill 1\n");
  EXPECT_TRUE(watch.killed_since());
}

TEST_F(OomWatch, SeesAKillInItsCgroupOfVersion2) {
  write("/proc/self/cgroup", "0::/user.slice/job.scope\n");
  const std::string events = "/sys/fs/cgroup/user.slice/job.scope/memory.events";
  write(events, "low 0\nhigh 0\nmax 7\noom 1\noom_kill 1\noom_group_kill 0\n");
  oom_watch watch(root());
  EXPECT_FALSE(watch.killed_since());
  write(events, "low 0\nhigh 0\nmax 9\noom 2\noom_kill 2\noom_group_kill 0\n");
  EXPECT_TRUE(watch.killed_since());
}

TEST_F(OomWatch, FindsTheCgroupOfAContainerThatDoesNotKnowItsPath) {
  write("/proc/self/cgroup", "0::/somewhere/on/the/host\n");
  write("/sys/fs/cgroup/memory.events", "oom_kill 0\n");
  oom_watch watch(root());
  write("/sys/fs/cgroup/memory.events", "oom_kill 1\n");
  EXPECT_TRUE(watch.killed_since());
}

TEST_F(OomWatch, CountsNothingWhereNothingCanBeRead) {
  oom_watch nothing(root());
  EXPECT_FALSE(nothing.killed_since());
  write("/proc/vmstat", "no numbers here\n");
  write("/proc/self/cgroup", "neither\nhere::\n");
  EXPECT_FALSE(nothing.killed_since());
}

}  // namespace
