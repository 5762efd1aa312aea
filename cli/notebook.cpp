// SPDX-License-Identifier: Apache-2.0
// `fanout compare` without WORK: the notebook's claims, measured natively and in the user's Python.
#include <fmt/format.h>

#include <functional>
#include <optional>
#include <string>
#include <utility>

#include "cli/compare.hpp"
#include "cli/export_file.hpp"
#include "cli/output.hpp"
#include "cli/series.hpp"
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

/// Their headings stand above them in tables alone.
void show_heading(std::size_t i, std::size_t of, const std::string& name, const report_options& report) {
  if (report.format == output_format::table) write_out(heading(i + 1, of, name));
}

std::vector<std::string> names_of(const std::vector<cell>& all) {
  std::vector<std::string> names;
  for (const cell& one : all) names.push_back(one.name);
  return names;
}

/// Of one that was whole already.
comparison_outcome show_whole(const lab::record& whole, const std::string& name, const report_options& report) {
  if (report.format == output_format::table) report_plan(whole);
  return report_result(whole, name, report);
}

/// With the same interpreter.
chosen_work choose_again(const std::string& name, const lab::record& begun) {
  for (const cell& one : cells())
    if (one.name == name) return one.choose(options_of(begun));
  throw lab::usage_error(fmt::format("'{}' is no part of this version's notebook", name));
}

}  // namespace

exit_code run_notebook(const compare_options& options) {
  for (const std::string_view option : options_of_functions(options))
    throw lab::usage_error(fmt::format("{0} needs a function to go to: fanout compare FILE.py:FUNCTION {0} …", option));
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
  std::vector<lab::record> plans;  // found out before a signal comes, after which nothing can be asked
  for (std::size_t i = 0; file && i < all.size(); ++i) plans.push_back(unbegun_record(all[i].choose(each), each));
  const auto measure = [&](std::size_t i, const keep_rounds& keep) {
    show_heading(i, all.size(), all[i].name, each.report);
    const chosen_work chosen = all[i].choose(each);
    comparison_outcome outcome = compare_work(chosen, each, all[i].name, keep);
    trace.add(*chosen.work, outcome);
    return outcome;
  };
  const auto planned = [&](std::size_t i, const lab::record&) { return plans[i]; };
  const series parts{all.size(), measure, planned, names_of(all), json_document};
  const std::vector<comparison_outcome> outcomes = run_series(parts, file ? &*file : nullptr);
  trace.write();
  return report_end(outcomes, options.report.format);
}

exit_code resume_notebook(const compare_options& options, const recorded& begun, export_file& file) {
  refuse_claims(options.report);
  compare_options each = options;
  if (each.budget) each.budget_shares = still_to_measure(begun);
  const auto measure = [&](std::size_t i, const keep_rounds& keep) {
    const lab::record& part = begun.records[i];
    const std::string& name = begun.names[i];
    show_heading(i, begun.records.size(), name, each.report);
    if (!part.interrupted) return show_whole(part, name, each.report);
    return resume_work(*choose_again(name, part).work, part, each, name, keep);
  };
  const auto as_it_is = [&](std::size_t i, const lab::record&) { return begun.records[i]; };
  const series parts{begun.records.size(), measure, as_it_is, begun.names, json_document};
  return report_end(run_series(parts, &file), options.report.format);
}

}  // namespace cli
