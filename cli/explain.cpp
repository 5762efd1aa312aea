// SPDX-License-Identifier: Apache-2.0
// From a file to the same lines that were printed when it was measured.
#include "cli/explain.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <system_error>

#include "cli/output.hpp"
#include "lab/record_reader.hpp"
#include "lab/workload.hpp"

namespace cli {

namespace {

nlohmann::json parsed(const std::string& path) {
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored))
    throw lab::usage_error(fmt::format("{} is a directory; name a record in it", path));
  std::ifstream file(path);
  if (!file) throw lab::usage_error(fmt::format("cannot read {}: {}", path, std::generic_category().message(errno)));
  try {
    return nlohmann::json::parse(file);
  } catch (const nlohmann::json::parse_error& error) {
    std::string problem = error.what();  // "[json.exception.parse_error.101] parse error at line 1, column 7: …"
    if (const auto at = problem.find("line "); at != std::string::npos) problem.erase(0, at);
    throw lab::bad_record("is not JSON: " + problem);
  }
}

exit_code explain_one(const nlohmann::json& document, const report_options& options) {
  lab::record record = lab::read_record(document);
  if (options.format == output_format::table) report_plan(record);
  return report_end(report_result(std::move(record), {}, options), options.format);
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
    const nlohmann::json document = parsed(options.file);
    const bool several = document.is_object() && document.contains("comparisons");
    return several ? explain_all(document["comparisons"], options.report) : explain_one(document, options.report);
  } catch (const lab::bad_record& error) {
    throw lab::usage_error(
        fmt::format("{}: {}; a record is what fanout compare --export-json writes, or --format json prints",
                    options.file, error.what()));
  }
}

}  // namespace cli
