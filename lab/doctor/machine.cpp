// SPDX-License-Identifier: Apache-2.0
#include "lab/doctor/machine.hpp"

#include <fmt/format.h>
#include <linux/perf_event.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>
#include <system_error>

#include "core/cgroup.hpp"
#include "lab/costs/processor.hpp"
#include "lab/file_descriptor.hpp"
#include "lab/format.hpp"
#include "lab/record.hpp"

namespace lab::doctor {

namespace fs = std::filesystem;
using nlohmann::json;

namespace {

std::optional<std::string> first_line_of(const std::string& file) {
  std::ifstream in(file);
  std::string line;
  if (!std::getline(in, line)) return std::nullopt;
  while (line.ends_with(' ') || line.ends_with('\0')) line.pop_back();
  return line;
}

bool exists(const std::string& file) {
  std::error_code unreadable;
  return fs::exists(file, unreadable);
}

/// A fact that is one line of a file.
fact line_fact(std::string id, std::string name, const std::string& file, const std::string& otherwise = "not known") {
  const auto line = first_line_of(file);
  return {std::move(id), std::move(name), line ? json(*line) : json(), line.value_or(otherwise)};
}

std::string cpus_in_words(double cpus) { return fmt::format("{:g} CPU{}", cpus, cpus == 1 ? "" : "s"); }

// --- CPUs

struct quota {
  double cpus;
  std::string from;
};

std::optional<quota> smallest_quota(const std::string& root) {
  std::optional<quota> smallest;
  for (const std::string& directory : fanout::detail::cpu_cgroups(root))
    if (const auto cpus = fanout::detail::cpu_quota(directory); cpus && (!smallest || *cpus < smallest->cpus))
      smallest = {*cpus, directory};
  return smallest;
}

fact usable_cpus(const std::string& root, std::size_t allowed) {
  const unsigned usable =
      fanout::detail::cpus_within_quota(static_cast<unsigned>(std::max<std::size_t>(allowed, 1)), root);
  fact found{"usable", "CPUs usable", usable, fmt::format("{}", usable)};
  if (usable == 1)
    found.advice = "no model can speed up CPU work on one CPU: give this process more (taskset, cpuset, cpu.max)";
  return found;
}

fact quota_fact(const std::string& root) {
  const auto limit = smallest_quota(root);
  if (!limit) return {"quota", "  cgroup quota", nullptr, "none"};
  return {"quota", "  cgroup quota", limit->cpus, fmt::format("{}, by {}", cpus_in_words(limit->cpus), limit->from)};
}

fact governor(const std::string& root) {
  const std::string file = root + "/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor";
  fact found = line_fact("governor", "  governor", file, "not shown by the kernel, as on most virtual machines");
  if (found.value == "powersave" || found.value == "ondemand")
    found.advice =
        "figures are steadier with a fixed frequency: cpupower frequency-set -g performance (linux-cpupower)";
  return found;
}

// --- limits

std::string cgroup_version(const std::string& root) {
  std::ifstream in(root + "/proc/self/cgroup");
  bool first = false, second = false;
  for (std::string line; std::getline(in, line);) (line.starts_with("0::") ? second : first) = true;
  return first && second ? "1 and 2" : second ? "2" : first ? "1" : "";
}

/// The smallest number in one of these files of the groups; "max" and what is near the largest there is are none.
std::optional<std::uint64_t> smallest_limit(const std::string& controller, const std::vector<std::string>& files,
                                            const std::string& root) {
  constexpr std::uint64_t practically_none = 1ULL << 62;
  std::optional<std::uint64_t> smallest;
  for (const std::string& directory : fanout::detail::cgroups_of(controller, root))
    for (const std::string& file : files) {
      std::ifstream in(directory + "/" + file);
      std::uint64_t limit = 0;
      if (in >> limit && limit < practically_none) smallest = std::min(smallest.value_or(limit), limit);
    }
  return smallest;
}

std::optional<std::uint64_t> memory_info(const std::string& root, const std::string& name) {
  std::ifstream in(root + "/proc/meminfo");
  for (std::string line; std::getline(in, line);)
    if (line.starts_with(name + ":")) return 1024 * std::strtoull(line.c_str() + name.size() + 1, nullptr, 10);
  return std::nullopt;
}

fact bytes_fact(std::string id, std::string name, std::optional<std::uint64_t> bytes, const std::string& otherwise) {
  return {std::move(id), std::move(name), bytes ? json(*bytes) : json(),
          bytes ? format_bytes(static_cast<double>(*bytes)) : otherwise};
}

fact resource_limit(std::string id, std::string name, __rlimit_resource which, rlim_t enough,
                    const std::string& raise) {
  rlimit limit{};
  if (getrlimit(which, &limit) != 0) return {std::move(id), std::move(name), nullptr, "not known"};
  if (limit.rlim_cur == RLIM_INFINITY) return {std::move(id), std::move(name), nullptr, "none"};
  fact found{std::move(id), std::move(name), limit.rlim_cur, fmt::format("{}", limit.rlim_cur)};
  if (limit.rlim_cur < enough) found.advice = fmt::format("few for large pools: {}", raise);
  return found;
}

// --- system

std::string hypervisor(const std::string& root) {
  if (const auto type = first_line_of(root + "/sys/hypervisor/type")) return *type;
  const std::string hardware = first_line_of(root + "/sys/class/dmi/id/sys_vendor").value_or("") + " " +
                               first_line_of(root + "/sys/class/dmi/id/product_name").value_or("");
  constexpr std::pair<std::string_view, const char*> known[] = {{"QEMU", "QEMU/KVM"},
                                                                {"KVM", "KVM"},
                                                                {"VMware", "VMware"},
                                                                {"VirtualBox", "VirtualBox"},
                                                                {"innotek", "VirtualBox"},
                                                                {"Xen", "Xen"},
                                                                {"Microsoft", "Hyper-V"},
                                                                {"Amazon EC2", "Amazon EC2"},
                                                                {"Google", "Google Compute Engine"},
                                                                {"Bochs", "Bochs"}};
  for (const auto& [part, name] : known)
    if (hardware.contains(part)) return name;
  std::ifstream processors(root + "/proc/cpuinfo");
  for (std::string line; std::getline(processors, line);)
    if (line.starts_with("flags") && (line + " ").contains(" hypervisor ")) return "a virtual machine";
  return exists(root + "/proc/device-tree/hypervisor/compatible") ? "a virtual machine" : "";
}

std::string container(const std::string& root) {
  if (const auto name = first_line_of(root + "/run/systemd/container")) return *name;
  if (exists(root + "/run/.containerenv")) return "podman";
  if (exists(root + "/.dockerenv")) return "docker";
  return "";
}

fact virtualisation(const std::string& root) {
  const std::string machine = hypervisor(root), inner = container(root);
  std::string text = machine.empty() ? "none found" : machine;
  if (!inner.empty()) text = (machine.empty() ? "" : machine + ", ") + "a container (" + inner + ")";
  fact found{"virtualisation", "virtualisation", json::object(), text};
  if (!machine.empty()) found.value["machine"] = machine;
  if (!inner.empty()) found.value["container"] = inner;
  return found;
}

fact clock_source(const std::string& root) {
  fact found =
      line_fact("clock", "clock source", root + "/sys/devices/system/clocksource/clocksource0/current_clocksource");
  if (found.value == "hpet" || found.value == "acpi_pm" || found.value == "jiffies")
    found.advice = "this clock is slow to read, so the shortest times are not to be trusted";
  return found;
}

// --- instruments

/// Whether the CPU's cycles can be counted: tried, for no rule tells.
fact hardware_counters(const std::string& root) {
  perf_event_attr cycles{};
  cycles.type = PERF_TYPE_HARDWARE;
  cycles.size = sizeof cycles;
  cycles.config = PERF_COUNT_HW_CPU_CYCLES;
  cycles.exclude_kernel = 1;
  cycles.exclude_hv = 1;
  const file_descriptor counter(static_cast<int>(syscall(SYS_perf_event_open, &cycles, 0, -1, -1, 0)));
  if (counter) return {"pmu", "hardware counters", true, "work"};
  const int error = errno;
  const bool absent = error == ENOENT || error == ENODEV || error == EOPNOTSUPP;
  fact found{
      "pmu", "hardware counters", false,
      absent ? "none: " +
                   std::string(hypervisor(root).empty() ? "this CPU or kernel has no" : "the virtual machine has no") +
                   " PMU"
             : std::generic_category().message(error)};
  if (error == EACCES || error == EPERM)
    found.advice = "allow them with: sysctl kernel.perf_event_paranoid=2 (in a container the host must allow them too)";
  return found;
}

fact scheduler_statistics(const std::string& root) {
  const auto line = first_line_of(root + "/proc/self/schedstat");
  const bool counted = line && *line != "0 0 0";
  fact found{"schedstat", "scheduler statistics", counted, counted ? "work" : "none"};
  if (!counted)
    found.advice =
        "waiting for a CPU cannot be told from other waiting: this kernel was built without CONFIG_SCHED_INFO";
  return found;
}

fact ptrace_scope(const std::string& root) {
  fact found =
      line_fact("ptrace_scope", "ptrace (yama)", root + "/proc/sys/kernel/yama/ptrace_scope", "not restricted");
  constexpr const char* meanings[] = {"0, not restricted", "1, own children only", "2, root only", "3, nobody"};
  if (found.value.is_string() && found.text >= "0" && found.text <= "3" && found.text.size() == 1)
    found.text = meanings[found.text[0] - '0'];
  return found;
}

fact perf_program() {
  const std::string path = std::getenv("PATH") != nullptr ? std::getenv("PATH") : "";
  std::istringstream folders(path);
  for (std::string folder; std::getline(folders, folder, ':');)
    if (access((folder + "/perf").c_str(), X_OK) == 0) return {"perf", "perf", folder + "/perf", folder + "/perf"};
  return {"perf", "perf", nullptr, "not on PATH", "not needed to compare; to look deeper: apt-get install linux-perf"};
}

}  // namespace

section describe_cpus(const std::string& root) {
  const std::size_t allowed = costs::allowed_cpus().size();
  section all{"cpus", "CPUs"};
  all.facts.push_back(usable_cpus(root, allowed));
  all.facts.push_back(line_fact("online", "  online", root + "/sys/devices/system/cpu/online"));
  all.facts.push_back({"affinity", "  affinity mask", allowed, cpus_in_words(static_cast<double>(allowed))});
  all.facts.push_back(quota_fact(root));
  all.facts.push_back(governor(root));
  const json machine = describe_machine();
  all.facts.push_back({"model", "  model", machine.value("cpu", json()), machine.value("cpu", "not known")});
  return all;
}

section describe_limits(const std::string& root) {
  const std::string version = cgroup_version(root);
  const auto tasks = smallest_limit("pids", {"pids.max"}, root);
  return {
      "limits",
      "limits",
      {bytes_fact("memory", "memory", memory_info(root, "MemTotal"), "not known"),
       bytes_fact("memory_available", "  available", memory_info(root, "MemAvailable"), "not known"),
       bytes_fact("memory_limit", "  cgroup limit",
                  smallest_limit("memory", {"memory.max", "memory.limit_in_bytes"}, root), "none"),
       bytes_fact("swap", "  swap", memory_info(root, "SwapTotal"), "not known"),
       {"cgroup", "cgroup version", version.empty() ? json() : json(version), version.empty() ? "no cgroups" : version},
       {"tasks_limit", "threads and processes, cgroup", tasks ? json(*tasks) : json(),
        tasks ? fmt::format("{}", *tasks) : "not limited"},
       resource_limit("nproc", "  of this user", RLIMIT_NPROC, 512, "ulimit -u"),
       resource_limit("nofile", "open files", RLIMIT_NOFILE, 512, "ulimit -n")}};
}

section describe_system(const std::string& root) {
  utsname system{};
  uname(&system);
  return {"system",
          "system",
          {{"kernel", "kernel", system.release, fmt::format("{} ({})", system.release, system.machine)},
           virtualisation(root),
           clock_source(root),
           ptrace_scope(root)}};
}

section describe_instruments(const std::string& root) {
  return {"instruments",
          "instruments",
          {hardware_counters(root),
           line_fact("perf_event_paranoid", "perf_event_paranoid", root + "/proc/sys/kernel/perf_event_paranoid",
                     "not known: no perf events in this kernel"),
           scheduler_statistics(root), perf_program()}};
}

}  // namespace lab::doctor
