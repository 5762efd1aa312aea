// SPDX-License-Identifier: Apache-2.0
// `fanout doctor`: what this machine offers, and what is missing for which model.
#pragma once

#include "cli/options.hpp"
#include "cli/report.hpp"

namespace cli {

/// task_failed if `fanout compare` could not run at all. Throws lab::interrupted, output_closed.
exit_code run_doctor(const doctor_options& options);

}  // namespace cli
