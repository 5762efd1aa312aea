// SPDX-License-Identifier: Apache-2.0
// What came out of comparisons, shown: by `fanout compare` as they end, by `fanout explain` from their records. Both
// print the same, because both print from here.
#pragma once

#include <string>
#include <vector>

#include "cli/options.hpp"
#include "lab/record.hpp"

namespace cli {

/// What the tool exits with; the numbers are part of its face.
enum exit_code : int { ok = 0, task_failed = 1, usage = 2, undecided = 3, assertion_failed = 4, results_differ = 5 };

struct comparison_outcome {
  lab::record record;
  std::string name;  // of a part of the notebook
  std::string headline;
  bool measured_anything = false;
  exit_code code = ok;
};

/// "1/4 waits, native  ", the heading of one of several comparisons.
std::string heading(std::size_t number, std::size_t of, const std::string& name);

/// What is about to be measured.
void report_plan(const lab::record& experiment);

/// What was: in table format the table and its sentences on stdout; problems on stderr, in any format.
comparison_outcome report_result(lab::record experiment, std::string name, const report_options& options);

/// JSON as it is printed.
std::string text_of(const nlohmann::ordered_json& document);

/// The documents that JSON formats and exports have: of one comparison, of the notebook.
std::string json_document(const lab::record& experiment);
std::string json_document(const std::vector<comparison_outcome>& outcomes);
std::string scan_document(const std::vector<comparison_outcome>& points);

/// How a point of a scan is reported as it ends: problems alone, the table comes at the end.
report_options point_report(report_options whole);

/// Of several comparisons nothing can be asserted: they may have different winners. Throws lab::usage_error.
void refuse_claims(const report_options& options);

/// What comes after one comparison, and what the tool exits with.
exit_code report_end(const comparison_outcome& outcome, output_format format);

/// What comes after the comparisons of the notebook.
exit_code report_end(const std::vector<comparison_outcome>& outcomes, output_format format);

/// The whole scan, and what the tool exits with.
exit_code report_scan_end(const std::vector<comparison_outcome>& points, output_format format);

}  // namespace cli
