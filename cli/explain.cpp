// SPDX-License-Identifier: Apache-2.0
// From a file to the same lines that were printed when it was measured.
#include "cli/explain.hpp"

#include <utility>
#include <vector>

#include "cli/output.hpp"
#include "cli/record_file.hpp"

namespace cli {

namespace {

exit_code explain_one(lab::record record, const report_options& options) {
  if (options.format == output_format::table) report_plan(record);
  return report_end(report_result(std::move(record), {}, options), options.format);
}

exit_code explain_scan(recorded points, const report_options& options) {
  refuse_claims(options);
  std::vector<comparison_outcome> outcomes;
  for (lab::record& record : points.records)
    outcomes.push_back(report_result(std::move(record), {}, point_report(options)));
  return report_scan_end(outcomes, options.format);
}

exit_code explain_notebook(recorded parts, const report_options& options) {
  refuse_claims(options);
  std::vector<comparison_outcome> outcomes;
  for (std::size_t i = 0; i < parts.records.size(); ++i) {
    if (options.format == output_format::table) {
      write_out(heading(i + 1, parts.records.size(), parts.names[i]));
      report_plan(parts.records[i]);
    }
    outcomes.push_back(report_result(std::move(parts.records[i]), parts.names[i], options));
  }
  return report_end(outcomes, options.format);
}

}  // namespace

exit_code run_explain(const explain_options& options) {
  recorded found = records_of(options.file);
  switch (found.of) {
    case recorded::form::scan:
      return explain_scan(std::move(found), options.report);
    case recorded::form::notebook:
      return explain_notebook(std::move(found), options.report);
    case recorded::form::one:
      break;
  }
  return explain_one(std::move(found.records.front()), options.report);
}

}  // namespace cli
