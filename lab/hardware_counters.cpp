// SPDX-License-Identifier: Apache-2.0
// perf_event_open, one descriptor per event: with `inherit` a group cannot be read at once.
#include "lab/hardware_counters.hpp"

#include <linux/perf_event.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace lab {

namespace {

file_descriptor open_counter(const hardware_event& event, pid_t process) {
  perf_event_attr wanted;
  std::memset(&wanted, 0, sizeof wanted);
  wanted.type = event.type;
  wanted.size = sizeof wanted;
  wanted.config = event.number;
  wanted.inherit = 1;
  wanted.exclude_kernel = 1;
  wanted.exclude_hv = 1;
  wanted.read_format = PERF_FORMAT_TOTAL_TIME_ENABLED | PERF_FORMAT_TOTAL_TIME_RUNNING;
  return file_descriptor(
      static_cast<int>(syscall(SYS_perf_event_open, &wanted, process, -1, -1, PERF_FLAG_FD_CLOEXEC)));
}

}  // namespace

const std::vector<hardware_event>& usual_hardware_events() {
  static const std::vector<hardware_event> events = {
      {"cycles", PERF_TYPE_HARDWARE, PERF_COUNT_HW_CPU_CYCLES},
      {"instructions", PERF_TYPE_HARDWARE, PERF_COUNT_HW_INSTRUCTIONS},
      {"cache_misses", PERF_TYPE_HARDWARE, PERF_COUNT_HW_CACHE_MISSES},
  };
  return events;
}

hardware_counters::hardware_counters(pid_t process, const std::vector<hardware_event>& events) {
  for (const hardware_event& event : events)
    if (file_descriptor file = open_counter(event, process)) counters_.push_back({event.name, std::move(file)});
}

std::vector<hardware_counters::count> hardware_counters::read() const {
  std::vector<count> counts;
  for (const counter& each : counters_) {
    struct {
      std::uint64_t value, enabled_ns, running_ns;
    } got{};
    if (::read(each.file.get(), &got, sizeof got) != sizeof got || got.running_ns == 0) continue;
    const double scale = static_cast<double>(got.enabled_ns) / static_cast<double>(got.running_ns);
    counts.push_back({each.name, static_cast<std::uint64_t>(static_cast<double>(got.value) * scale)});
  }
  return counts;
}

std::optional<std::string> why_no_hardware_counters() {
  if (open_counter(usual_hardware_events().front(), 0)) return std::nullopt;
  switch (errno) {
    case ENOENT:
    case ENODEV:
    case EOPNOTSUPP:
      return "no hardware counters here, as in most virtual machines";
    case EACCES:
    case EPERM:
      return "the kernel does not let us: see /proc/sys/kernel/perf_event_paranoid";
    default:
      return std::string("perf_event_open: ") + std::strerror(errno);
  }
}

}  // namespace lab
