// SPDX-License-Identifier: Apache-2.0
// `fanout compare` without WORK: the notebook's claims, measured natively and in the user's Python.
#include <fmt/format.h>
#include <unistd.h>

#include <functional>
#include <string>

#include "cli/compare.hpp"
#include "cli/output.hpp"
#include "lab/record.hpp"
#include "lab/terminal.hpp"
#include "lab/view.hpp"
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

std::string bold(std::string_view text, const lab::terminal& out) {
  return out.colour ? fmt::format("{}{}{}", lab::ansi::bold, text, lab::ansi::plain) : std::string(text);
}

void write_json(const std::vector<comparison_outcome>& outcomes) {
  nlohmann::ordered_json all = {{"fanout", FANOUT_VERSION}, {"comparisons", nlohmann::ordered_json::array()}};
  for (const comparison_outcome& outcome : outcomes) all["comparisons"].push_back(lab::to_json(outcome.record));
  write_out(all.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
}

void write_summary(const std::vector<comparison_outcome>& outcomes, const lab::terminal& out) {
  std::string text = "\n" + bold("In short", out) + "\n";
  for (std::size_t i = 0; i < outcomes.size(); ++i)
    text += fmt::format(" {:<17} {}\n", cells()[i].name, lab::wrapped(outcomes[i].headline, out.width, 19));
  write_out(text + "\n" + lab::show_legend(out));
}

}  // namespace

exit_code run_notebook(const compare_options& options) {
  if (!options.args.empty())
    throw lab::usage_error("--arg needs a function to go to: fanout compare FILE.py:FUNCTION --arg …");
  const lab::terminal out = lab::terminal::of(STDOUT_FILENO);
  const bool table = options.format == output_format::table;
  const std::vector<cell> all = cells();
  compare_options each = options;
  if (each.budget) *each.budget /= all.size();
  std::vector<comparison_outcome> outcomes;
  exit_code code = ok;
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (table)
      write_out(
          fmt::format("{}{}  ", i > 0 ? "\n" : "", bold(fmt::format("{}/{} {}", i + 1, all.size(), all[i].name), out)));
    outcomes.push_back(compare_work(all[i].choose(each), each));
    code = std::max(code, outcomes.back().code);
  }
  if (table)
    write_summary(outcomes, out);
  else
    write_json(outcomes);
  return code;
}

}  // namespace cli
