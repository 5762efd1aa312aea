// SPDX-License-Identifier: Apache-2.0
// `fanout compare` without WORK: the notebook's claims, measured natively and in the user's Python.
#include <functional>
#include <optional>
#include <string>

#include "cli/compare.hpp"
#include "cli/export_file.hpp"
#include "cli/output.hpp"
#include "cli/trace_file.hpp"
#include "workloads/builtin.hpp"
#include "workloads/python/python_workload.hpp"

namespace cli {

namespace {

struct cell {
  std::string name;
  std::function<chosen_work(const compare_options&)> choose;
};

// Fixed numbers of rounds, which most often decide: all in all it must not take longer than anyone waits.
const std::vector<unsigned> rounds_of_waits = {3}, rounds_of_cpu_work = {5};

chosen_work native(const compare_options& options, const std::string& spec, const std::vector<unsigned>& looks) {
  compare_options one = options;
  one.work = spec;
  chosen_work chosen = choose_work(one);
  chosen.looks = looks;
  return chosen;
}

chosen_work python_waits(const compare_options& options) {
  return {.work = workloads::make_python_workload({.file = workloads::notebook_tasks_file(),
                                                   .function = "fetch_data",
                                                   .async_function = "fetch_data_async",
                                                   .args = {"{i}", "1"},
                                                   .interpreter = options.python}),
          .tasks = 5,
          .looks = rounds_of_waits};
}

chosen_work python_cpu(const compare_options& options) {
  return {.work = workloads::make_python_workload({.file = workloads::notebook_tasks_file(),
                                                   .function = "cpu_task",
                                                   .async_function = {},
                                                   .args = {"10000000"},
                                                   .interpreter = options.python}),
          .tasks = 2,
          .looks = rounds_of_cpu_work};
}

std::vector<cell> cells() {
  return {{"waits, native", [](const compare_options& options) { return native(options, "sleep:1", rounds_of_waits); }},
          {"CPU work, native",
           [](const compare_options& options) { return native(options, "cpu:100000000", rounds_of_cpu_work); }},
          {"waits, Python", python_waits},
          {"CPU work, Python", python_cpu}};
}

}  // namespace

exit_code run_notebook(const compare_options& options) {
  if (!options.args.empty())
    throw lab::usage_error("--arg needs a function to go to: fanout compare FILE.py:FUNCTION --arg …");
  refuse_claims(options.report);
  const std::vector<cell> all = cells();
  if (options.dry_run) {
    for (std::size_t i = 0; i < all.size(); ++i) {
      write_out(heading(i + 1, all.size(), all[i].name));
      show_plan_of(all[i].choose(options), options);
    }
    return ok;
  }
  std::optional<export_file> file;
  if (!options.export_json.empty()) file.emplace(options.export_json);
  trace_file trace(options.trace);
  compare_options each = options;
  if (each.budget) each.budget_shares = static_cast<unsigned>(all.size());
  std::vector<comparison_outcome> outcomes;
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (options.report.format == output_format::table) write_out(heading(i + 1, all.size(), all[i].name));
    const chosen_work chosen = all[i].choose(each);
    outcomes.push_back(compare_work(chosen, each, all[i].name));
    trace.add(*chosen.work, outcomes.back());
  }
  if (file) file->write(json_document(outcomes));
  trace.write();
  return report_end(outcomes, options.report.format);
}

}  // namespace cli
