// SPDX-License-Identifier: Apache-2.0
// CPU clocks of threads and processes, and what /proc tells of them.
#include "lab/worker_meter.hpp"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <ctime>
#include <string>
#include <string_view>

#include "lab/file_descriptor.hpp"

namespace lab {

namespace {

/// A small file of /proc; empty if there is none.
std::string contents(const std::string& path) {
  const file_descriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  std::array<char, 4096> bytes;
  const ssize_t got = file ? read(file.get(), bytes.data(), bytes.size()) : 0;
  return {bytes.data(), static_cast<std::size_t>(std::max<ssize_t>(got, 0))};
}

/// The first number after `key`; -1 if there is none.
std::int64_t number_after(std::string_view text, std::string_view key) {
  const std::size_t at = text.find(key);
  if (at == std::string_view::npos) return -1;
  text.remove_prefix(at + key.size());
  text.remove_prefix(std::min(text.find_first_not_of(" \t"), text.size()));
  std::int64_t number = -1;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

/// The second of three numbers; the first, CPU time, lags behind until the next tick of the scheduler.
std::int64_t run_delay_in(std::string_view schedstat) { return number_after(schedstat, " "); }

/// The calling thread's own schedstat: opening it is what takes long.
const file_descriptor& own_schedstat() {
  static thread_local const file_descriptor file(open("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC));
  return file;
}

std::int64_t own_run_delay_ns() {
  std::array<char, 100> bytes;
  const ssize_t got = pread(own_schedstat().get(), bytes.data(), bytes.size(), 0);
  return run_delay_in({bytes.data(), static_cast<std::size_t>(std::max<ssize_t>(got, 0))});
}

std::optional<std::int64_t> clock_ns(clockid_t clock) {
  timespec t{};
  if (clock_gettime(clock, &t) != 0) return std::nullopt;
  return std::int64_t{t.tv_sec} * 1'000'000'000 + t.tv_nsec;
}

/// The clock of a thread of ours by its number, or of any process: <linux/posix-timers.h> has how they are made up.
clockid_t cpu_clock(pid_t number, bool thread) {
  constexpr int scheduler = 2, per_thread = 4;
  return static_cast<clockid_t>((~static_cast<unsigned>(number) << 3) | (scheduler | (thread ? per_thread : 0)));
}

double seconds(std::int64_t ns) { return 1e-9 * static_cast<double>(ns); }

worker_start stand() {
  rusage usage{};
  getrusage(RUSAGE_THREAD, &usage);
  return {.process = getpid(),
          .thread = gettid(),
          .thread_cpu_ns = clock_ns(CLOCK_THREAD_CPUTIME_ID).value_or(0),
          .process_cpu_ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID).value_or(0),
          .run_delay_ns = own_run_delay_ns(),
          .voluntary_switches = usage.ru_nvcsw};
}

}  // namespace

const worker_start& this_worker() {
  static thread_local const worker_start start = stand();
  return start;
}

void prepare_this_worker() { own_schedstat(); }

std::optional<nlohmann::json> costs_since(const worker_start& start) {
  const bool ours = start.process == getpid();
  const auto cpu = clock_ns(cpu_clock(ours ? start.thread : start.process, ours));
  const std::string folder = "/proc/" + std::to_string(start.process) + "/task/" + std::to_string(start.thread);
  const std::int64_t voluntary = number_after(contents(folder + "/status"), "\nvoluntary_ctxt_switches:");
  if (!cpu || voluntary < 0) return std::nullopt;
  nlohmann::json costs = {{"cpu_s", seconds(*cpu - (ours ? start.thread_cpu_ns : start.process_cpu_ns))},
                          {"voluntary", voluntary - start.voluntary_switches}};
  const std::int64_t delay = run_delay_in(contents(folder + "/schedstat"));
  if (delay >= 0 && start.run_delay_ns >= 0) costs["runq_s"] = seconds(delay - start.run_delay_ns);
  if (ours) return costs;
  costs["pid"] = start.process;
  costs["vmhwm_bytes"] = peak_bytes_of(start.process);
  return costs;
}

std::uint64_t peak_bytes_of(pid_t process) {
  const std::int64_t kib = number_after(contents("/proc/" + std::to_string(process) + "/status"), "\nVmHWM:");
  return kib > 0 ? static_cast<std::uint64_t>(kib) * 1024 : 0;
}

std::int64_t run_delay_of(pid_t process) {
  return run_delay_in(contents("/proc/" + std::to_string(process) + "/schedstat"));
}

std::size_t worker_list::place_of(const worker_start& worker) {
  const auto known = std::ranges::find(threads_, worker.thread);
  const auto place = static_cast<std::size_t>(known - threads_.begin());
  if (known != threads_.end()) return place;
  threads_.push_back(worker.thread);
  costs_.push_back(costs_since(worker).value_or(nlohmann::json::object()));
  identities_.push_back({{"process", worker.process}, {"thread", worker.thread}});
  return place;
}

}  // namespace lab
