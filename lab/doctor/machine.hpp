// SPDX-License-Identifier: Apache-2.0
// The machine and its limits, read from the kernel's files below `root`: tests have their own. What cannot be read is
// said not to be known.
#pragma once

#include <string>

#include "lab/doctor/fact.hpp"

namespace lab::doctor {

/// How many CPUs this process can use, and what limits them.
section describe_cpus(const std::string& root = "");

/// Memory, and how many processes and open files there may be.
section describe_limits(const std::string& root = "");

/// Kernel, virtualisation, clock.
section describe_system(const std::string& root = "");

/// What there is to measure with: hardware counters, scheduler statistics, perf.
section describe_instruments(const std::string& root = "");

}  // namespace lab::doctor
