// SPDX-License-Identifier: Apache-2.0
// Reading, with messages that name the file.
#include "cli/record_file.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <system_error>

#include "lab/record_reader.hpp"
#include "lab/workload.hpp"

namespace cli {

namespace {

/// Throws lab::usage_error if it cannot be read, lab::bad_record if what it has is not JSON.
nlohmann::json read_json(const std::string& path) {
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored))
    throw lab::usage_error(fmt::format("{} is a directory; name a record in it", path));
  std::ifstream file(path);
  if (!file) throw lab::usage_error(fmt::format("cannot read {}: {}", path, std::generic_category().message(errno)));
  try {
    return nlohmann::json::parse(file);
  } catch (const nlohmann::json::exception& error) {  // also of numbers that are none: 1e999
    std::string problem = error.what();  // "[json.exception.parse_error.101] parse error at line 1, column 7: …"
    problem.erase(0, problem.find("] ") + 2);
    if (const auto at = problem.find("line "); at != std::string::npos) problem.erase(0, at);
    throw lab::bad_record("is not JSON: " + problem);
  }
}

recorded read_scan(const nlohmann::json& points) {
  if (!points.is_array() || points.empty()) throw lab::bad_record("/points is not a list of records: […]");
  recorded found{.of = recorded::form::scan};
  for (const nlohmann::json& one : points) {
    const std::string where = fmt::format("/points/{}", found.records.size());
    found.records.push_back(lab::read_record(one, where));
    const lab::record &first = found.records.front(), &last = found.records.back();
    if (last.title != first.title || last.models != first.models)
      throw lab::bad_record(where + " has other work or other models than the first");
  }
  return found;
}

recorded read_notebook(const nlohmann::json& comparisons) {
  if (!comparisons.is_array() || comparisons.empty())
    throw lab::bad_record("/comparisons is not a list of records: […]");
  recorded found{.of = recorded::form::notebook};
  for (const nlohmann::json& one : comparisons) {
    const std::string where = fmt::format("/comparisons/{}", found.records.size());
    found.records.push_back(lab::read_record(one, where));
    if (!one.contains("name") || !one["name"].is_string()) throw lab::bad_record(where + "/name is not a text");
    found.names.push_back(one["name"]);
  }
  return found;
}

}  // namespace

recorded records_of(const std::string& path) {
  try {
    const nlohmann::json document = read_json(path);
    if (document.is_object() && document.contains("points")) return read_scan(document["points"]);
    if (document.is_object() && document.contains("comparisons")) return read_notebook(document["comparisons"]);
    return {.records = {lab::read_record(document)}};
  } catch (const lab::bad_record& error) {
    throw lab::usage_error(fmt::format(
        "{}: {}; a record is what fanout compare --export-json writes, or --format json prints", path, error.what()));
  }
}

}  // namespace cli
