// SPDX-License-Identifier: Apache-2.0
#include "lab/doctor/machine.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>

#include "lab/doctor/view.hpp"

namespace {

using lab::doctor::fact;
using lab::doctor::section;

/// A machine of which there are only the files that a test writes.
class Doctor : public testing::Test {
 protected:
  Doctor() {
    std::string path = testing::TempDir() + "fanout-doctor-XXXXXX";
    if (::mkdtemp(path.data()) == nullptr) throw std::runtime_error("mkdtemp " + path);
    root_ = path;
  }
  ~Doctor() override { std::filesystem::remove_all(root_); }

  void write(const std::string& file, const std::string& text) const {
    const auto path = std::filesystem::path(root_) / file;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path) << text << '\n';
  }

  static fact find(const section& all, const std::string& id) {
    const auto found = std::ranges::find(all.facts, id, &fact::id);
    if (found == all.facts.end()) throw std::runtime_error("no " + id);
    return *found;
  }

  std::string root_;
};

TEST_F(Doctor, SaysWhichQuotaLimitsTheCpus) {
  write("proc/self/cgroup", "0::/a/b");
  write("sys/fs/cgroup/a/cpu.max", "50000 100000");
  write("sys/fs/cgroup/a/b/cpu.max", "200000 100000");
  const section cpus = lab::doctor::describe_cpus(root_);
  EXPECT_EQ(find(cpus, "quota").value, 0.5);
  EXPECT_EQ(find(cpus, "quota").text, "0.5 CPUs, by " + root_ + "/sys/fs/cgroup/a");
  EXPECT_EQ(find(cpus, "usable").value, 1);
  EXPECT_NE(find(cpus, "usable").advice, "") << "one CPU is worth a word";
}

TEST_F(Doctor, ReadsTheLimitsOfBothVersionsOfCgroups) {
  write("proc/self/cgroup", "4:memory:/m\n3:pids:/p\n0::/");
  write("sys/fs/cgroup/memory/m/memory.limit_in_bytes", "1000000000");
  write("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712");
  write("sys/fs/cgroup/pids/p/pids.max", "max");
  write("proc/meminfo", "MemTotal:        8000000 kB\nMemAvailable:    4000000 kB\nSwapTotal:             0 kB");
  const section limits = lab::doctor::describe_limits(root_);
  EXPECT_EQ(find(limits, "memory").value, 8'192'000'000);
  EXPECT_EQ(find(limits, "memory_limit").value, 1'000'000'000);
  EXPECT_EQ(find(limits, "memory_limit").text, "1000 MB");
  EXPECT_EQ(find(limits, "swap").text, "0.0 MB");
  EXPECT_TRUE(find(limits, "tasks_limit").value.is_null());
  EXPECT_EQ(find(limits, "cgroup").value, "1 and 2");
}

TEST_F(Doctor, KnowsVirtualMachinesByTheirHardwareOrTheCpusFlag) {
  EXPECT_EQ(find(lab::doctor::describe_system(root_), "virtualisation").text, "none found");
  write("proc/cpuinfo", "flags\t\t: fpu vme hypervisor lahf_lm");
  EXPECT_EQ(find(lab::doctor::describe_system(root_), "virtualisation").text, "a virtual machine");
  write("sys/class/dmi/id/sys_vendor", "QEMU");
  write("run/systemd/container", "lxc");
  const fact found = find(lab::doctor::describe_system(root_), "virtualisation");
  EXPECT_EQ(found.text, "QEMU/KVM, a container (lxc)");
  EXPECT_EQ(found.value, (nlohmann::json{{"machine", "QEMU/KVM"}, {"container", "lxc"}}));
}

TEST_F(Doctor, SaysWhatIsMissingAndWhatToDo) {
  write("proc/self/schedstat", "0 0 0");
  write("sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "powersave");
  write("sys/devices/system/clocksource/clocksource0/current_clocksource", "hpet");
  EXPECT_NE(find(lab::doctor::describe_instruments(root_), "schedstat").advice, "");
  EXPECT_NE(find(lab::doctor::describe_cpus(root_), "governor").advice, "");
  EXPECT_NE(find(lab::doctor::describe_system(root_), "clock").advice, "");
  write("proc/self/schedstat", "1234567 890 12");
  write("sys/devices/system/clocksource/clocksource0/current_clocksource", "tsc");
  EXPECT_EQ(find(lab::doctor::describe_instruments(root_), "schedstat").advice, "");
  EXPECT_EQ(find(lab::doctor::describe_system(root_), "clock").advice, "");
}

TEST_F(Doctor, SaysThatWhatCannotBeReadIsNotKnown) {
  for (const section& one : {lab::doctor::describe_cpus(root_), lab::doctor::describe_limits(root_),
                             lab::doctor::describe_system(root_), lab::doctor::describe_instruments(root_)})
    for (const fact& found : one.facts) EXPECT_NE(found.text, "") << found.id;
  EXPECT_TRUE(find(lab::doctor::describe_limits(root_), "memory").value.is_null());
  EXPECT_TRUE(find(lab::doctor::describe_system(root_), "clock").value.is_null());
}

TEST(DoctorView, ShowsAdviceBelowItsFactAndFitsTheTerminal) {
  const std::vector<section> all = {
      {"limits", "limits", {{"a", "one thing", 1, "1"}, {"b", "  more", nullptr, "none", "install it"}}}};
  EXPECT_EQ(lab::doctor::show(all, {.width = 80}), "limits\n   one thing  1\n !   more     none\n     → install it\n");
  EXPECT_EQ(lab::doctor::to_json(all).dump(),
            R"({"limits":{"a":1,"b":null},"advice":[{"about":"limits.b","text":"install it"}]})");
}

}  // namespace
