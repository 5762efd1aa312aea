// SPDX-License-Identifier: Apache-2.0
// Which kind of workload a WORK is.
#include "cli/work.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "cli/nearest_word.hpp"
#include "lab/format.hpp"
#include "lab/statistics.hpp"
#include "workloads/builtin.hpp"
#include "workloads/python/python_workload.hpp"

namespace cli {

namespace {

/// What stands before and after the colon.
struct python_place {
  std::string file, module, function;  // of the first two one is empty
};

chosen_work choose_builtin(const compare_options& options, const workloads::builtin& entry) {
  const std::pair<const char*, bool> given[] = {{"--arg", !options.args.empty()},
                                                {"--kwarg", !options.kwargs.empty()},
                                                {"--args-from", !options.args_from.empty()},
                                                {"--setup", !options.setup.empty()},
                                                {"--peers", options.peers}};
  for (const auto& [option, is_given] : given)
    if (is_given) throw lab::usage_error(fmt::format("{} takes no {}: only Python functions do", options.work, option));
  return {.work = workloads::make_builtin_workload(options.work), .tasks = entry.tasks, .looks = lab::automatic_looks};
}

/// Where its arguments come from a file, there are as many tasks as that has lines.
unsigned python_tasks(const compare_options& options) {
  if (options.args_from.empty()) return 2;
  const unsigned lines = workloads::count_argument_lines(options.args_from);
  if (lines == 0) throw lab::usage_error(options.args_from + " has no lines: each is the arguments of one task");
  for (const unsigned tasks : options.tasks)
    if (tasks > lines)
      throw lab::usage_error(
          fmt::format("--tasks {}, but {} has arguments for {}: give it more lines, or ask for "
                      "fewer tasks",
                      tasks, options.args_from, lab::counted(lines, "task")));
  return lines;
}

chosen_work choose_python(const compare_options& options, python_place place) {
  const unsigned tasks = python_tasks(options);
  workloads::python_spec spec{.file = std::move(place.file),
                              .function = std::move(place.function),
                              .async_function = {},
                              .args = options.args,
                              .interpreter = options.python,
                              .module = std::move(place.module),
                              .kwargs = options.kwargs,
                              .args_from = options.args_from,
                              .setup = options.setup,
                              .models = options.models};
  return {.work = workloads::make_python_workload(std::move(spec)), .tasks = tasks, .looks = lab::automatic_looks};
}

bool is_python_file(std::string_view name) { return name.ends_with(".py") || name.ends_with(".ipynb"); }

std::string kind_of(const std::string& work) { return work.substr(0, work.find(':')); }

std::vector<std::string> builtin_names() {
  std::vector<std::string> names;
  for (const workloads::builtin& entry : workloads::builtins()) names.emplace_back(entry.name);
  return names;
}

lab::usage_error not_work(const std::string& work) {
  if (is_python_file(work)) return lab::usage_error(fmt::format("which function of {0}? Write {0}:FUNCTION", work));
  std::string forms, hint;
  const auto meant = nearest(kind_of(work), builtin_names());
  for (const workloads::builtin& entry : workloads::builtins()) {
    const std::string form = fmt::format("{}:{}", entry.name, entry.argument);
    forms += form + ", ";
    if (meant == entry.name) hint = fmt::format("; did you mean {}?", form);
  }
  return lab::usage_error(
      fmt::format("'{}' is nothing that can be compared{} WORK is {}FILE.py:FUNCTION, FILE.ipynb:FUNCTION, "
                  "PACKAGE.MODULE:FUNCTION, or nothing for the notebook",
                  work, hint.empty() ? ":" : hint, forms));
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

/// FILE.py:FUNCTION, FILE.ipynb:FUNCTION, MODULE:FUNCTION.
std::optional<python_place> parse_python(const std::string& work) {
  const std::size_t colon = work.rfind(':');
  if (colon == std::string::npos || colon + 1 == work.size()) return std::nullopt;
  const std::string source = work.substr(0, colon), function = work.substr(colon + 1);
  if (is_python_file(source)) return python_place{source, {}, function};
  if (is_dotted_name(source) && is_dotted_name(function)) return python_place{{}, source, function};
  return std::nullopt;
}

}  // namespace

chosen_work choose_work(const compare_options& options) {
  if (const auto spec = workloads::parse_builtin(options.work)) return choose_builtin(options, *spec->work);
  if (auto place = parse_python(options.work)) return choose_python(options, std::move(*place));
  throw not_work(options.work.ends_with(":") ? options.work.substr(0, options.work.size() - 1) : options.work);
}

bool is_work(const std::string& word) {
  const auto names = builtin_names();
  return parse_python(word) || std::ranges::find(names, kind_of(word)) != names.end();
}

}  // namespace cli
