// SPDX-License-Identifier: Apache-2.0
// Which kind of workload a WORK is.
#include "cli/work.hpp"

#include <fmt/format.h>

#include "workloads/builtin.hpp"
#include "workloads/python/python_workload.hpp"

namespace cli {

namespace {

chosen_work choose_builtin(const compare_options& options, const workloads::builtin& entry) {
  if (!options.args.empty())
    throw lab::usage_error(fmt::format("{} takes no --arg: only Python functions do", options.work));
  return {.work = workloads::make_builtin_workload(options.work), .tasks = entry.tasks, .rounds = entry.rounds};
}

chosen_work choose_python(const compare_options& options, std::size_t colon) {
  workloads::python_spec spec{.file = options.work.substr(0, colon),
                              .function = options.work.substr(colon + 1),
                              .async_function = {},
                              .args = options.args,
                              .interpreter = options.python};
  return {.work = workloads::make_python_workload(std::move(spec)), .tasks = 2, .rounds = 5};
}

lab::usage_error not_work(const std::string& work) {
  if (work.ends_with(".py")) return lab::usage_error(fmt::format("which function of {0}? Write {0}:FUNCTION", work));
  std::string forms;
  for (const workloads::builtin& entry : workloads::builtins())
    forms += fmt::format("{}:{}, ", entry.name, entry.argument);
  return lab::usage_error(fmt::format(
      "'{}' is nothing that can be compared: WORK is {}FILE.py:FUNCTION, or nothing for the notebook", work, forms));
}

}  // namespace

chosen_work choose_work(const compare_options& options) {
  if (const auto spec = workloads::parse_builtin(options.work)) return choose_builtin(options, *spec->work);
  const std::size_t colon = options.work.rfind(':');
  if (colon == std::string::npos || colon + 1 == options.work.size() || !options.work.substr(0, colon).ends_with(".py"))
    throw not_work(options.work.ends_with(":") ? options.work.substr(0, colon) : options.work);
  return choose_python(options, colon);
}

}  // namespace cli
