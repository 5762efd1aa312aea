// SPDX-License-Identifier: Apache-2.0
// `fanout self-test`: one model under two names (A/A). Whoever calls one of them faster is wrong.
#pragma once

#include "cli/options.hpp"
#include "cli/report.hpp"

namespace cli {

/// Runs whole comparisons, prints what each found, and returns ok if none called one of the names faster, else
/// task_failed. Throws lab::usage_error, and output_closed.
exit_code run_self_test(const self_test_options& options);

}  // namespace cli
