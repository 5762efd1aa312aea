// SPDX-License-Identifier: Apache-2.0
// Which kind of workload a WORK is.
#include "cli/work.hpp"

#include <fmt/format.h>

#include <utility>
#include <variant>

#include "cli/nearest_word.hpp"
#include "cli/work_syntax.hpp"
#include "lab/statistics.hpp"
#include "workloads/python/python_workload.hpp"

namespace cli {

namespace {

constexpr unsigned few_tasks = 2, short_tasks = 5;  // if the user does not say

chosen_work chosen(std::unique_ptr<lab::workload> work, unsigned tasks) {
  return {.work = std::move(work), .tasks = tasks, .looks = lab::automatic_looks};
}

void refuse_arguments(const compare_options& options) {
  if (!options.args.empty()) throw lab::usage_error(fmt::format("{} takes no --arg: only functions do", options.work));
}

/// Which workload each kind of WORK becomes.
struct chooser {
  const compare_options& options;

  chosen_work operator()(const workloads::builtin_spec& spec) const {
    refuse_arguments(options);
    return chosen(workloads::make_builtin_workload(options.work), spec.work->tasks);
  }
  chosen_work operator()(const python_function& python) const {
    workloads::python_spec spec{.file = python.file,
                                .function = python.function,
                                .async_function = {},
                                .args = options.args,
                                .interpreter = options.python};
    return chosen(workloads::make_python_workload(std::move(spec)), few_tasks);
  }
  chosen_work operator()(const workloads::plugin_spec&) const {
    return chosen(workloads::make_plugin_workload({.work = options.work, .args = options.args}, nearest), few_tasks);
  }
  chosen_work operator()(const workloads::http_spec&) const {
    refuse_arguments(options);
    return chosen(workloads::make_http_workload(options.work), short_tasks);
  }
  chosen_work operator()(const workloads::command_words&) const {
    refuse_arguments(options);
    return chosen(workloads::make_command_workload(options.work), short_tasks);
  }
};

}  // namespace

chosen_work choose_work(const compare_options& options) {
  return std::visit(chooser{options}, parse_work(options.work));
}

}  // namespace cli
