// SPDX-License-Identifier: Apache-2.0
// Reading, with messages that name the file.
#include "cli/record_file.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <system_error>

namespace cli {

nlohmann::json read_json(const std::string& path) {
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

lab::usage_error no_record(const std::string& path, const lab::bad_record& error) {
  return lab::usage_error(fmt::format(
      "{}: {}; a record is what fanout compare --export-json writes, or --format json prints", path, error.what()));
}

lab::record one_record_of(const std::string& path) {
  try {
    const nlohmann::json document = read_json(path);
    if (document.contains("comparisons") || document.contains("points"))
      throw lab::usage_error(path + " has several comparisons; only one can be gone on with");
    return lab::read_record(document);
  } catch (const lab::bad_record& error) {
    throw no_record(path, error);
  }
}

}  // namespace cli
