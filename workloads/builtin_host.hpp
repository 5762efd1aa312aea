// SPDX-License-Identifier: Apache-2.0
// The host process of the built-in workloads: runs the tasks under one model, measures, writes its record.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace workloads {

/// The models under which every built-in workload runs.
std::vector<std::string> builtin_models();

struct host_job {
  std::string_view spec, model;
  unsigned tasks, workers;
};

/// Writes the record to the descriptor that FANOUT_RECORD_FD names, or to stdout if it names none. Returns the exit
/// code. Throws lab::usage_error for an unknown workload or model.
int run_builtin_host(const host_job& job);

}  // namespace workloads
