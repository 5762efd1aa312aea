// SPDX-License-Identifier: Apache-2.0
// `fanout compare`: runs one comparison, or the notebook's four, and shows what came out.
#pragma once

#include "cli/options.hpp"
#include "cli/report.hpp"
#include "cli/work.hpp"

namespace cli {

/// Measures, with progress on stderr. In table format the plan is shown on stdout before the first run, the result
/// after the last; problems go to stderr in any format. `name`: of a part of the notebook.
comparison_outcome compare_work(const chosen_work& chosen, const compare_options& options, std::string name = {});

/// What compare_work() would run, to stdout.
void show_plan_of(const chosen_work& chosen, const compare_options& options);

/// The whole command. Throws lab::usage_error, lab::interrupted, output_closed.
exit_code run_compare(const compare_options& options);

/// The same with no WORK (notebook.cpp).
exit_code run_notebook(const compare_options& options);

}  // namespace cli
