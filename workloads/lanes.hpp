// SPDX-License-Identifier: Apache-2.0
// Who worked, where tasks wait for child processes that work in their place.
#pragma once

#include <nlohmann/json.hpp>
#include <vector>

#include "workloads/native_work.hpp"

namespace workloads {

/// Adds to a host's record what child processes have used, to the worker that waited for them. A thread that waits for
/// several at the same time, in an event loop, counts as so many workers: in each, one child runs after another, so
/// that a worker's time remains what it computed, waited for a CPU, and was blocked. `children` has an entry for each
/// of the record's tasks.
void count_children(nlohmann::json& record, const std::vector<children_usage>& children);

}  // namespace workloads
