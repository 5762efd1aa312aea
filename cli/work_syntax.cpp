// SPDX-License-Identifier: Apache-2.0
#include "cli/work_syntax.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <vector>

#include "cli/nearest_word.hpp"
#include "lab/workload.hpp"

namespace cli {

namespace {

std::string kind_of(const std::string& work) { return work.substr(0, work.find(':')); }

/// How each kind begins, and its whole form.
struct form {
  std::string kind, text;
};

std::vector<form> forms() {
  std::vector<form> all;
  for (const workloads::builtin& entry : workloads::builtins())
    all.push_back({std::string(entry.name), fmt::format("{}:{}", entry.name, entry.argument)});
  all.push_back({"http", "http://HOST:PORT/PATH"});
  all.push_back({"cmd", "'cmd:COMMAND ARGS'"});
  return all;
}

std::vector<std::string> kinds() {
  std::vector<std::string> names;
  for (const form& one : forms()) names.push_back(one.kind);
  return names;
}

lab::usage_error not_work(const std::string& work) {
  if (work.ends_with(".py")) return lab::usage_error(fmt::format("which function of {0}? Write {0}:FUNCTION", work));
  std::string list, hint;
  const auto meant = nearest(kind_of(work), kinds());
  for (const form& one : forms()) {
    list += one.text + ", ";
    if (meant == one.kind) hint = fmt::format("; did you mean {}?", one.text);
  }
  return lab::usage_error(
      fmt::format("'{}' is nothing that can be compared{} WORK is {}FILE.py:FUNCTION, ./FILE.so:FUNCTION, or nothing "
                  "for the notebook",
                  work, hint.empty() ? ":" : hint, list));
}

/// Where FILE.py ends in FILE.py:FUNCTION, if it is that.
std::optional<std::size_t> end_of_file_name(const std::string& work) {
  const std::size_t colon = work.rfind(':');
  if (colon == std::string::npos || colon + 1 == work.size() || !work.substr(0, colon).ends_with(".py"))
    return std::nullopt;
  return colon;
}

}  // namespace

work_syntax parse_work(const std::string& work) {
  if (const auto command = workloads::parse_command(work)) return *command;  // whatever stands in it
  if (const auto url = workloads::parse_http(work)) return *url;
  if (const auto spec = workloads::parse_builtin(work)) return *spec;
  if (const auto colon = end_of_file_name(work))
    return python_function{.file = work.substr(0, *colon), .function = work.substr(*colon + 1)};
  if (const auto plugin = workloads::parse_plugin(work)) return *plugin;
  throw not_work(work.ends_with(":") ? work.substr(0, work.size() - 1) : work);
}

bool is_work(const std::string& word) {
  const auto names = kinds();
  return end_of_file_name(word) || workloads::parse_plugin(word) ||
         std::ranges::find(names, kind_of(word)) != names.end();
}

}  // namespace cli
