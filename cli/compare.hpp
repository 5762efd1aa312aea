// SPDX-License-Identifier: Apache-2.0
// `fanout compare`: runs one comparison, or the notebook's four, and shows what came out.
#pragma once

#include "cli/options.hpp"
#include "cli/work.hpp"
#include "lab/record.hpp"

namespace cli {

/// What the tool exits with; the numbers are part of its face.
enum exit_code : int { ok = 0, task_failed = 1, usage = 2, results_differ = 5 };

/// Measures, with progress on stderr. In table format the plan is shown on stdout before the first run, the result
/// after the last; problems go to stderr in any format.
struct comparison_outcome {
  lab::record record;
  std::string headline;
  bool measured_anything;
  exit_code code;
};
comparison_outcome compare_work(const chosen_work& chosen, const compare_options& options);

/// The whole command. Throws lab::usage_error, lab::interrupted, output_closed.
exit_code run_compare(const compare_options& options);

/// The same with no WORK (notebook.cpp).
exit_code run_notebook(const compare_options& options);

}  // namespace cli
