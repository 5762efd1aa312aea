// SPDX-License-Identifier: Apache-2.0
// Which kind of workload a WORK is.
#include "cli/work.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "cli/nearest_word.hpp"
#include "lab/statistics.hpp"
#include "workloads/builtin.hpp"
#include "workloads/python/python_workload.hpp"

namespace cli {

namespace {

chosen_work choose_builtin(const compare_options& options, const workloads::builtin& entry) {
  if (!options.args.empty())
    throw lab::usage_error(fmt::format("{} takes no --arg: only Python functions do", options.work));
  return {.work = workloads::make_builtin_workload(options.work), .tasks = entry.tasks, .looks = lab::automatic_looks};
}

chosen_work choose_python(const compare_options& options, std::size_t colon) {
  workloads::python_spec spec{.file = options.work.substr(0, colon),
                              .function = options.work.substr(colon + 1),
                              .async_function = {},
                              .args = options.args,
                              .interpreter = options.python};
  return {.work = workloads::make_python_workload(std::move(spec)), .tasks = 2, .looks = lab::automatic_looks};
}

std::string kind_of(const std::string& work) { return work.substr(0, work.find(':')); }

std::vector<std::string> builtin_names() {
  std::vector<std::string> names;
  for (const workloads::builtin& entry : workloads::builtins()) names.emplace_back(entry.name);
  return names;
}

lab::usage_error not_work(const std::string& work) {
  if (work.ends_with(".py")) return lab::usage_error(fmt::format("which function of {0}? Write {0}:FUNCTION", work));
  std::string forms, hint;
  const auto meant = nearest(kind_of(work), builtin_names());
  for (const workloads::builtin& entry : workloads::builtins()) {
    const std::string form = fmt::format("{}:{}", entry.name, entry.argument);
    forms += form + ", ";
    if (meant == entry.name) hint = fmt::format("; did you mean {}?", form);
  }
  return lab::usage_error(
      fmt::format("'{}' is nothing that can be compared{} WORK is {}FILE.py:FUNCTION, or nothing for the notebook",
                  work, hint.empty() ? ":" : hint, forms));
}

/// Where FILE.py ends in FILE.py:FUNCTION, if it is that.
std::optional<std::size_t> end_of_file_name(const std::string& work) {
  const std::size_t colon = work.rfind(':');
  if (colon == std::string::npos || colon + 1 == work.size() || !work.substr(0, colon).ends_with(".py"))
    return std::nullopt;
  return colon;
}

}  // namespace

chosen_work choose_work(const compare_options& options) {
  if (const auto spec = workloads::parse_builtin(options.work)) return choose_builtin(options, *spec->work);
  if (const auto colon = end_of_file_name(options.work)) return choose_python(options, *colon);
  throw not_work(options.work.ends_with(":") ? options.work.substr(0, options.work.size() - 1) : options.work);
}

bool is_work(const std::string& word) {
  const auto names = builtin_names();
  return end_of_file_name(word) || std::ranges::find(names, kind_of(word)) != names.end();
}

}  // namespace cli
