// SPDX-License-Identifier: Apache-2.0
// `fanout compare`: runs one comparison, or the notebook's four, and shows what came out.
#pragma once

#include <functional>

#include "cli/export_file.hpp"
#include "cli/options.hpp"
#include "cli/record_file.hpp"
#include "cli/report.hpp"
#include "cli/work.hpp"

namespace cli {

/// Is given the whole rounds of an experiment that a signal interrupts, if there are any.
using keep_rounds = std::function<void(lab::record)>;

/// Measures, with progress on stderr. In table format the plan is shown on stdout before the first run, the result
/// after the last; problems go to stderr in any format. `name`: of a part of the notebook.
comparison_outcome compare_work(const chosen_work& chosen, const compare_options& options, std::string name = {},
                                const keep_rounds& keep = {});

/// The same, but goes on with an experiment that was begun, or only planned. Throws lab::usage_error if that cannot be.
comparison_outcome resume_work(lab::workload& work, lab::record begun, const compare_options& options, std::string name,
                               const keep_rounds& keep);

/// How many the user asked for, else how many there are unasked.
unsigned tasks_of(const chosen_work& chosen, const compare_options& options);
unsigned workers_of(const chosen_work& chosen, const compare_options& options);

/// What compare_work() would begin with; as if a signal had come at once.
lab::record unbegun_record(const chosen_work& chosen, const compare_options& options);

/// The work of a record, as it was chosen.
compare_options options_of(const lab::record& begun);

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

/// They go on with what `file` is to have whole. The budget is shared by what is not.
exit_code resume_scan(const compare_options& options, const recorded& begun, export_file& file);
exit_code resume_notebook(const compare_options& options, const recorded& begun, export_file& file);

}  // namespace cli
