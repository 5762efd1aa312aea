// SPDX-License-Identifier: Apache-2.0
// Which kind of workload a WORK is.
#include "cli/work.hpp"

#include <fmt/format.h>

#include <optional>
#include <utility>
#include <variant>

#include "cli/nearest_word.hpp"
#include "cli/work_syntax.hpp"
#include "lab/format.hpp"
#include "lab/statistics.hpp"
#include "workloads/python/python_workload.hpp"

namespace cli {

namespace {

constexpr unsigned few_tasks = 2, short_tasks = 5;  // if the user does not say

chosen_work chosen(std::unique_ptr<lab::workload> work, unsigned tasks) {
  return {.work = std::move(work), .tasks = tasks, .looks = lab::automatic_looks};
}

/// All that only some kinds of work have.
void refuse_arguments(const compare_options& options, bool takes_args) {
  for (const std::string_view option : options_of_functions(options))
    if (const bool is_arg = option == "--arg"; !is_arg || !takes_args)
      throw lab::usage_error(
          fmt::format("{} takes no {}: only {} do", options.work, option, is_arg ? "functions" : "Python functions"));
}

/// Where its arguments come from a file, there are as many tasks as that has lines.
unsigned python_tasks(const compare_options& options) {
  if (options.args_from.empty()) return few_tasks;
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

/// Which workload each kind of WORK becomes.
struct chooser {
  const compare_options& options;

  chosen_work operator()(const workloads::builtin_spec& spec) const {
    refuse_arguments(options, false);
    return chosen(workloads::make_builtin_workload(options.work), spec.work->tasks);
  }
  chosen_work operator()(const python_function& python) const {
    const unsigned tasks = python_tasks(options);
    workloads::python_spec spec{.file = python.file,
                                .function = python.function,
                                .async_function = {},
                                .args = options.args,
                                .interpreter = options.python,
                                .module = python.module,
                                .kwargs = options.kwargs,
                                .args_from = options.args_from,
                                .setup = options.setup,
                                .models = options.models};
    return chosen(workloads::make_python_workload(std::move(spec)), tasks);
  }
  chosen_work operator()(const workloads::plugin_spec&) const {
    refuse_arguments(options, true);
    return chosen(workloads::make_plugin_workload({.work = options.work, .args = options.args}, nearest), few_tasks);
  }
  chosen_work operator()(const workloads::http_spec&) const {
    refuse_arguments(options, false);
    return chosen(workloads::make_http_workload(options.work), short_tasks);
  }
  chosen_work operator()(const workloads::command_words&) const {
    refuse_arguments(options, false);
    return chosen(workloads::make_command_workload(options.work), short_tasks);
  }
};

}  // namespace

std::vector<std::string_view> options_of_functions(const compare_options& options) {
  const std::pair<const char*, bool> given[] = {{"--arg", !options.args.empty()},
                                                {"--kwarg", !options.kwargs.empty()},
                                                {"--args-from", !options.args_from.empty()},
                                                {"--setup", !options.setup.empty()},
                                                {"--peers", options.peers}};
  std::vector<std::string_view> names;
  for (const auto& [option, is_given] : given)
    if (is_given) names.emplace_back(option);
  return names;
}

chosen_work choose_work(const compare_options& options) {
  return std::visit(chooser{options}, parse_work(options.work));
}

}  // namespace cli
