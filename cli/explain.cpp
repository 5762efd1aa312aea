// SPDX-License-Identifier: Apache-2.0
// From a file to the same lines that were printed when it was measured.
#include "cli/explain.hpp"

#include <fmt/format.h>

#include "cli/output.hpp"
#include "cli/record_file.hpp"

namespace cli {

namespace {

exit_code explain_one(const nlohmann::json& document, const report_options& options) {
  lab::record record = lab::read_record(document);
  if (options.format == output_format::table) report_plan(record);
  return report_end(report_result(std::move(record), {}, options), options.format);
}

exit_code explain_scan(const nlohmann::json& points, const report_options& options) {
  if (!points.is_array() || points.empty()) throw lab::bad_record("/points is not a list of records: […]");
  refuse_claims(options);
  std::vector<lab::record> read;
  for (const nlohmann::json& one : points) {
    const std::string where = fmt::format("/points/{}", read.size());
    read.push_back(lab::read_record(one, where));
    if (read.back().title != read.front().title || read.back().models != read.front().models)
      throw lab::bad_record(where + " has other work or other models than the first");
  }
  std::vector<comparison_outcome> outcomes;
  for (lab::record& record : read) outcomes.push_back(report_result(std::move(record), {}, point_report(options)));
  return report_scan_end(outcomes, options.format);
}

/// The notebook's: all are read before the first is shown.
exit_code explain_all(const nlohmann::json& comparisons, const report_options& options) {
  if (!comparisons.is_array() || comparisons.empty())
    throw lab::bad_record("/comparisons is not a list of records: […]");
  refuse_claims(options);
  std::vector<std::pair<std::string, lab::record>> read;
  for (const nlohmann::json& one : comparisons) {
    const std::string where = fmt::format("/comparisons/{}", read.size());
    lab::record record = lab::read_record(one, where);
    if (!one.contains("name") || !one["name"].is_string()) throw lab::bad_record(where + "/name is not a text");
    read.emplace_back(one["name"], std::move(record));
  }
  std::vector<comparison_outcome> outcomes;
  for (auto& [name, record] : read) {
    if (options.format == output_format::table) {
      write_out(heading(outcomes.size() + 1, read.size(), name));
      report_plan(record);
    }
    outcomes.push_back(report_result(std::move(record), name, options));
  }
  return report_end(outcomes, options.format);
}

}  // namespace

exit_code run_explain(const explain_options& options) {
  try {
    const nlohmann::json document = read_json(options.file);
    if (document.is_object() && document.contains("points")) return explain_scan(document["points"], options.report);
    const bool several = document.is_object() && document.contains("comparisons");
    return several ? explain_all(document["comparisons"], options.report) : explain_one(document, options.report);
  } catch (const lab::bad_record& error) {
    throw no_record(options.file, error);
  }
}

}  // namespace cli
