// SPDX-License-Identifier: Apache-2.0
#include "core/cgroup.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <utility>

namespace {

/// A machine with 64 CPUs, of whose files there are those that a test writes.
class CgroupQuota : public testing::Test {
 protected:
  CgroupQuota() {
    std::string path = testing::TempDir() + "fanout-cgroup-XXXXXX";
    if (::mkdtemp(path.data()) == nullptr) throw std::runtime_error("mkdtemp " + path);
    root_ = path;
  }
  ~CgroupQuota() override { std::filesystem::remove_all(root_); }

  void write(const std::string& file, const std::string& text) const {
    const auto path = root_ / file;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path) << text << '\n';
  }
  /// What the kernel says of this process.
  void write_groups(const std::string& lines) const { write("proc/self/cgroup", lines); }
  void write_v2(const std::string& group, const std::string& quota) const {
    write("sys/fs/cgroup" + group + "/cpu.max", quota);
  }
  void write_v1(const std::string& directory, const std::string& quota, const std::string& period) const {
    write("sys/fs/cgroup/" + directory + "/cpu.cfs_quota_us", quota);
    write("sys/fs/cgroup/" + directory + "/cpu.cfs_period_us", period);
  }
  /// A file that is there and cannot be read, not even by root.
  void make_unreadable(const std::string& file) const {
    std::filesystem::remove(root_ / file);
    std::filesystem::create_directories(root_ / file);
  }

  unsigned cpus(unsigned there = 64) const { return fanout::detail::cpus_within_quota(there, root_); }

 private:
  std::filesystem::path root_;
};

TEST_F(CgroupQuota, WithoutAnyFilesThereIsNone) { EXPECT_EQ(cpus(), 64U); }

// --- version 2

TEST_F(CgroupQuota, OfVersion2LimitsTheCpus) {
  write_groups("0::/system.slice/fanout.service");
  write_v2("/system.slice/fanout.service", "400000 100000");
  EXPECT_EQ(cpus(), 4U);
  EXPECT_EQ(cpus(2), 2U) << "there are no more CPUs than there are";
}

TEST_F(CgroupQuota, APartOfACpuCountsAsOne) {
  write_groups("0::/a");
  write_v2("/a", "150000 100000");
  EXPECT_EQ(cpus(), 2U);
  write_v2("/a", "100001 100000");
  EXPECT_EQ(cpus(), 2U);
  write_v2("/a", "1000 100000");
  EXPECT_EQ(cpus(), 1U);
}

TEST_F(CgroupQuota, HasAPeriodOfItsOwn) {
  write_groups("0::/a");
  write_v2("/a", "30000 10000");
  EXPECT_EQ(cpus(), 3U);
}

TEST_F(CgroupQuota, MaxLimitsNothing) {
  write_groups("0::/a");
  write_v2("/a", "max 100000");
  EXPECT_EQ(cpus(), 64U);
}

TEST_F(CgroupQuota, OfAllGroupsAboveTheSmallestCounts) {
  write_groups("0::/a/b/c");
  write_v2("/a/b/c", "800000 100000");
  write_v2("/a/b", "300000 100000");
  write_v2("/a", "max 100000");
  EXPECT_EQ(cpus(), 3U);
  write_v2("/a", "200000 100000");
  EXPECT_EQ(cpus(), 2U);
  write_v2("/a/b/c", "50000 100000");
  EXPECT_EQ(cpus(), 1U);
}

TEST_F(CgroupQuota, OfAGroupBesideOursDoesNotCount) {
  write_groups("0::/a/b");
  write_v2("/a/b", "max 100000");
  write_v2("/a/c", "100000 100000");
  write_v2("/a/b/c", "100000 100000");
  EXPECT_EQ(cpus(), 64U);
}

TEST_F(CgroupQuota, InAContainerItIsThatOfTheGroupThatLooksLikeTheRoot) {
  write_groups("0::/");
  write_v2("", "200000 100000");
  EXPECT_EQ(cpus(), 2U);
}

TEST_F(CgroupQuota, InAContainerThatSeesAnothersPathsItIsThatOfTheMount) {
  write_groups("0::/docker/0123456789abcdef");  // which is not there: the mount shows our own group as its root
  write_v2("", "200000 100000");
  EXPECT_EQ(cpus(), 2U);
}

// --- version 1

TEST_F(CgroupQuota, OfVersion1LimitsTheCpus) {
  write_groups("12:memory:/a\n4:cpu,cpuacct:/a\n1:name=systemd:/a");
  write_v1("cpu,cpuacct/a", "250000", "100000");
  EXPECT_EQ(cpus(), 3U);
}

TEST_F(CgroupQuota, OfVersion1MayBeMountedUnderTheControllersNameAlone) {
  write_groups("4:cpuacct,cpu:/a");
  write_v1("cpu/a", "50000", "25000");
  EXPECT_EQ(cpus(), 2U);
}

TEST_F(CgroupQuota, OfVersion1MinusOneLimitsNothing) {
  write_groups("4:cpu:/a/b");
  write_v1("cpu/a/b", "-1", "100000");
  EXPECT_EQ(cpus(), 64U);
  write_v1("cpu/a", "700000", "100000");
  EXPECT_EQ(cpus(), 7U);
}

TEST_F(CgroupQuota, OfVersion1TheSmallestCountsAsWell) {
  write_groups("4:cpu,cpuacct:/a/b");
  write_v1("cpu,cpuacct/a/b", "600000", "100000");
  write_v1("cpu,cpuacct/a", "500000", "100000");
  write_v1("cpu,cpuacct", "-1", "100000");
  EXPECT_EQ(cpus(), 5U);
}

TEST_F(CgroupQuota, OfOtherControllersDoesNotCount) {
  write_groups("4:cpuset:/a\n5:cpuacct:/a\n6:memory,cpux:/a");
  for (const char* mount : {"cpuset/a", "cpuacct/a", "memory,cpux/a", "cpu/a"}) write_v1(mount, "100000", "100000");
  EXPECT_EQ(cpus(), 64U);
}

TEST_F(CgroupQuota, OfBothVersionsTheSmallerCounts) {
  write_groups("4:cpu:/a\n0::/b");
  write_v1("cpu/a", "400000", "100000");
  EXPECT_EQ(cpus(), 4U);
  write_v2("/b", "300000 100000");
  EXPECT_EQ(cpus(), 3U);
  write_v1("cpu/a", "200000", "100000");
  EXPECT_EQ(cpus(), 2U);
}

// --- what cannot be read

TEST_F(CgroupQuota, WhatCannotBeReadLimitsNothing) {
  make_unreadable("proc/self/cgroup");
  write_v2("", "100000 100000");
  EXPECT_EQ(cpus(), 64U);
}

TEST_F(CgroupQuota, AnUnreadableGroupDoesNotHideThoseAboveIt) {
  write_groups("0::/a/b\n4:cpu:/a/b");
  write_v2("/a", "600000 100000");
  make_unreadable("sys/fs/cgroup/a/b/cpu.max");
  EXPECT_EQ(cpus(), 6U);
  write_v1("cpu/a", "500000", "100000");
  write_v1("cpu/a/b", "100000", "100000");
  make_unreadable("sys/fs/cgroup/cpu/a/b/cpu.cfs_period_us");
  EXPECT_EQ(cpus(), 5U);
}

TEST_F(CgroupQuota, WhatMakesNoSenseLimitsNothing) {
  write_groups("no colon\n0:\n:::\n\n0::/a");
  for (const char* quota : {"", "max", "lots 100000", "100000", "100000 0", "100000 lots"}) {
    write_v2("/a", quota);
    EXPECT_EQ(cpus(), 64U) << quota;
  }
  write_groups("4:cpu:/a");
  for (const auto& [quota, period] : {std::pair("", ""), std::pair("100000", "0"), std::pair("0", "100000")}) {
    write_v1("cpu/a", quota, period);
    EXPECT_EQ(cpus(), 64U) << quota << '/' << period;
  }
}

}  // namespace
