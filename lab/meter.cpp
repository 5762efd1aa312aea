// SPDX-License-Identifier: Apache-2.0
// The meter: differences of getrusage, and VmHWM.
#include "lab/meter.hpp"

#include <unistd.h>

#include <ctime>

#include "lab/worker_meter.hpp"

namespace lab {

namespace {

rusage usage_of(__rusage_who who) {
  rusage usage{};
  getrusage(who, &usage);
  return usage;
}

double seconds(const timeval& t) { return static_cast<double>(t.tv_sec) + 1e-6 * static_cast<double>(t.tv_usec); }

}  // namespace

std::int64_t now_ns() {
  timespec t{};
  clock_gettime(CLOCK_MONOTONIC, &t);
  return std::int64_t{t.tv_sec} * 1'000'000'000 + t.tv_nsec;
}

void meter::start() {
  self_ = self_at_end_ = usage_of(RUSAGE_SELF);
  children_ = usage_of(RUSAGE_CHILDREN);
  started_ns_ = stopped_ns_ = now_ns();
}

void meter::stop_clock() {
  stopped_ns_ = now_ns();
  self_at_end_ = usage_of(RUSAGE_SELF);
}

double meter::seconds_since_start(std::int64_t monotonic_ns) const {
  return 1e-9 * static_cast<double>(monotonic_ns - started_ns_);
}

nlohmann::json meter::finish() const {
  const rusage& self = self_at_end_;
  const rusage children = usage_of(RUSAGE_CHILDREN);
  auto time = [&](timeval rusage::* field) {
    return seconds(self.*field) - seconds(self_.*field) + seconds(children.*field) - seconds(children_.*field);
  };
  auto count = [&](long rusage::* field) { return self.*field - self_.*field + children.*field - children_.*field; };
  nlohmann::json costs = {
      {"wall_s", seconds_since_start(stopped_ns_)},
      {"cpu_user_s", time(&rusage::ru_utime)},
      {"cpu_sys_s", time(&rusage::ru_stime)},
      {"ctx", {{"voluntary", count(&rusage::ru_nvcsw)}, {"involuntary", count(&rusage::ru_nivcsw)}}},
      {"faults", {{"minor", count(&rusage::ru_minflt)}, {"major", count(&rusage::ru_majflt)}}},
      {"mem", nlohmann::json::object()},
  };
  if (const std::uint64_t peak = peak_bytes_of(getpid()); peak > 0) costs["mem"]["vmhwm_bytes"] = peak;
  return costs;
}

}  // namespace lab
