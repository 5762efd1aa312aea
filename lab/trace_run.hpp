// SPDX-License-Identifier: Apache-2.0
// Runs that are watched closely, to be drawn. What is kept of them costs them time, so they are not measured runs.
#pragma once

#include <vector>

#include "lab/experiment.hpp"
#include "lab/trace.hpp"

namespace lab {

/// One more run of each model that the experiment has measured without failure, in their order: the host is asked for
/// its "trace", and its load is looked at while it runs. Its run.error says why there is nothing else of one. The work
/// is the experiment's, prepared. Throws interrupted. The caller must be a subreaper (run_host).
std::vector<timeline> run_for_trace(const workload& work, const record& experiment, observer& watcher);

}  // namespace lab
