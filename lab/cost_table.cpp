// SPDX-License-Identifier: Apache-2.0
// Rows of medians, and notes in place of what there is none of.
#include "lab/cost_table.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "lab/format.hpp"

namespace lab {

namespace {

std::string count_of(double median) { return median < 0 ? "–" : fmt::format("{:g}", median); }

/// The line of an error that says most: of Python tracebacks the first after the last of them, else the first.
std::string gist(std::string_view error) {
  const std::size_t last = error.rfind("Traceback (most recent call last):");
  if (last == std::string_view::npos) return std::string(error.substr(0, error.find('\n')));
  std::string_view rest = error.substr(last);
  do rest.remove_prefix(std::min(rest.find('\n'), rest.size() - 1) + 1);
  while (rest.starts_with(' '));
  return std::string(rest.substr(0, rest.find('\n')));
}

/// "0.98 – 1.02 s" from "0.98 s" and "1.02 s".
std::string range(const std::string& least, const std::string& most) {
  return least.substr(0, least.find(' ')) + " – " + most;
}

void add_measured(table& rows, const record& experiment, const analysis& found) {
  std::vector<double> wall, cpu;  // wall: median, least, most of each model: all in one unit
  for (const model_summary& model : found.models) {
    wall.insert(wall.end(), {model.median_s, model.min_s, model.max_s});
    cpu.push_back(model.cpu_s);
  }
  const auto walls = format_seconds(wall), cpus = format_seconds(cpu);
  for (std::size_t i = 0; i < found.models.size(); ++i) {
    const model_summary& model = found.models[i];
    const auto& speedup = experiment.reference.empty() ? model.speedup_vs_serial : model.speedup_vs_reference;
    rows.add_row(
        {model.rank > 0 ? std::to_string(model.rank) : "–", model.model, walls[3 * i],
         speedup ? format_factor(*speedup) + "×" : "–", fmt::format("{:.1f} %", 100 * model.setup_s / model.median_s),
         cpus[i], model.cores ? fmt::format("{:.2f}", *model.cores) : "–", format_bytes(model.peak_bytes),
         count_of(model.voluntary_switches) + "/" + count_of(model.involuntary_switches),
         range(walls[3 * i + 1], walls[3 * i + 2])},
        model.rank == 1 && found.models.back().rank > 1);
  }
}

void add_missing(table& rows, const record& experiment, const analysis& found) {
  for (const failure& failed : found.failures)
    for (const std::string& model : failed.models)
      rows.add_note({"–", model, "failed: " + (failed.summary.empty() ? gist(failed.error) : failed.summary)});
  for (const auto& [model, reason] : experiment.unavailable) rows.add_note({"–", model, "n/a: " + first_line(reason)});
}

}  // namespace

table cost_table(const record& experiment, const analysis& found) {
  table rows({{"rank"},
              {"model", true},
              {"wall"},
              {"vs " + (experiment.reference.empty() ? "serial" : experiment.reference)},
              {"set-up"},
              {"CPU"},
              {"cores"},
              {"memory"},
              {"switches"},
              {"wall, range"}},
             3);
  add_measured(rows, experiment, found);
  add_missing(rows, experiment, found);
  return rows;
}

}  // namespace lab
