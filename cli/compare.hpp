// SPDX-License-Identifier: Apache-2.0
// `fanout compare`: runs one comparison, or the notebook's four, and shows what came out.
#pragma once

#include "cli/export_file.hpp"
#include "cli/options.hpp"
#include "cli/report.hpp"
#include "cli/work.hpp"

namespace cli {

/// Measures, with progress on stderr. In table format the plan is shown on stdout before the first run, the result
/// after the last; problems go to stderr in any format. `name`: of a part of the notebook. `unfinished`: where the
/// rounds so far go if a signal interrupts it; none: nowhere.
comparison_outcome compare_work(const chosen_work& chosen, const compare_options& options, std::string name = {},
                                export_file* unfinished = nullptr);

/// Measures, with progress on stderr, and shows nothing else. `work`: what is measured in place of chosen.work.
lab::record compare_quietly(lab::workload& work, const chosen_work& chosen, const compare_options& options);

/// What compare_work() would run, to stdout.
void show_plan_of(const chosen_work& chosen, const compare_options& options);

/// The whole command. Throws lab::usage_error, lab::interrupted, output_closed.
exit_code run_compare(const compare_options& options);

/// The same for `--tasks 10,100,1000`, `--workers 1..8`: a comparison for each (scan.cpp).
exit_code run_scan(const compare_options& options);

/// The same with no WORK (notebook.cpp).
exit_code run_notebook(const compare_options& options);

}  // namespace cli
