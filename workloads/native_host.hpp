// SPDX-License-Identifier: Apache-2.0
// The host process of native work: runs the tasks under one model, measures, writes its record.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "workloads/native_work.hpp"

namespace workloads {

/// The models under which all native work runs.
std::vector<std::string> native_models();

struct host_job {
  native_spec spec;
  std::string_view model;
  unsigned tasks, workers;
};

/// Writes the record to the descriptor that FANOUT_RECORD_FD names, or to stdout if it names none. Returns the exit
/// code. Throws lab::usage_error for unknown work or an unknown model.
int run_native_host(const host_job& job);

}  // namespace workloads
