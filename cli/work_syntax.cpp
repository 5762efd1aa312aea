// SPDX-License-Identifier: Apache-2.0
#include "cli/work_syntax.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string_view>
#include <vector>

#include "cli/identifier.hpp"
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

bool is_python_file(std::string_view name) { return name.ends_with(".py") || name.ends_with(".ipynb"); }

lab::usage_error not_work(const std::string& work) {
  if (is_python_file(work)) return lab::usage_error(fmt::format("which function of {0}? Write {0}:FUNCTION", work));
  std::string list, hint;
  const auto meant = nearest(kind_of(work), kinds());
  for (const form& one : forms()) {
    list += one.text + ", ";
    if (meant == one.kind) hint = fmt::format("; did you mean {}?", one.text);
  }
  return lab::usage_error(
      fmt::format("'{}' is nothing that can be compared{} WORK is {}FILE.py:FUNCTION, FILE.ipynb:FUNCTION, "
                  "PACKAGE.MODULE:FUNCTION, ./FILE.so:FUNCTION, or nothing for the notebook",
                  work, hint.empty() ? ":" : hint, list));
}

/// "package.module", "Class.method".
bool is_dotted_name(std::string_view name) {
  for (std::size_t begin = 0; begin <= name.size();) {
    const std::size_t end = std::min(name.find('.', begin), name.size());
    if (!is_identifier(name.substr(begin, end - begin))) return false;
    begin = end + 1;
  }
  return true;
}

struct two_names {
  std::string before, after;
};

std::optional<two_names> around_last_colon(const std::string& work) {
  const std::size_t colon = work.rfind(':');
  if (colon == std::string::npos || colon + 1 == work.size()) return std::nullopt;
  return two_names{work.substr(0, colon), work.substr(colon + 1)};
}

std::optional<python_function> parse_python_file(const std::string& work) {
  const auto names = around_last_colon(work);
  if (!names || !is_python_file(names->before)) return std::nullopt;
  return python_function{.file = names->before, .module = {}, .function = names->after};
}

/// What one kind of work begins with is no module's name: "http:localhost" was meant to be a URL.
std::optional<python_function> parse_python_module(const std::string& work) {
  const auto names = around_last_colon(work);
  if (!names || !is_dotted_name(names->before) || !is_dotted_name(names->after)) return std::nullopt;
  const auto reserved = kinds();
  if (std::ranges::find(reserved, names->before) != reserved.end()) return std::nullopt;
  return python_function{.file = {}, .module = names->before, .function = names->after};
}

}  // namespace

work_syntax parse_work(const std::string& work) {
  if (const auto command = workloads::parse_command(work)) return *command;  // whatever stands in it
  if (const auto url = workloads::parse_http(work)) return *url;
  if (const auto spec = workloads::parse_builtin(work)) return *spec;
  if (const auto python = parse_python_file(work)) return *python;
  if (const auto plugin = workloads::parse_plugin(work)) return *plugin;
  if (const auto python = parse_python_module(work)) return *python;
  throw not_work(work.ends_with(":") ? work.substr(0, work.size() - 1) : work);
}

bool is_work(const std::string& word) {
  const auto names = kinds();
  return parse_python_file(word) || workloads::parse_plugin(word) || parse_python_module(word) ||
         std::ranges::find(names, kind_of(word)) != names.end();
}

}  // namespace cli
