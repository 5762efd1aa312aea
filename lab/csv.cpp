// SPDX-License-Identifier: Apache-2.0
// Fields quoted where they must be.
#include "lab/csv.hpp"

#include <fmt/format.h>

#include <optional>
#include <vector>

#include "lab/diagnosis.hpp"

namespace lab {

namespace {

using fields = std::vector<std::string>;

std::string field(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char c : text) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
  return quoted + '"';
}

std::string line(const fields& all) {
  std::string text;
  for (const std::string& one : all) text += field(one) + ",";
  text.back() = '\n';
  return text;
}

/// To nine digits: more are not measured, and would differ between builds of the same formulas.
std::string number(std::optional<double> value) { return value ? fmt::format("{:.9g}", *value) : ""; }

/// Of the workers' time.
std::string share(const model_summary& model, double decomposition::* part) {
  return model.time ? fmt::format("{:.6f}", model.time->share((*model.time).*part)) : "";
}

/// "cpu_bound gil".
std::string rules(const diagnosis& why, const std::string& model) {
  return fmt::format("{}", fmt::join(why.rules_of(model), " "));
}

const fields columns = {"work",
                        "tasks",
                        "workers",
                        "model",
                        "status",
                        "rounds",
                        "rank",
                        "median_s",
                        "min_s",
                        "max_s",
                        "speedup_vs_serial",
                        "speedup_vs_reference",
                        "setup_share",
                        "cpu_s",
                        "cores",
                        "peak_bytes",
                        "voluntary_switches",
                        "involuntary_switches",
                        "minor_faults",
                        "major_faults",
                        "vmhwm_bytes_sum",
                        "shipped_bytes",
                        "max_lag_s",
                        "cpu_share",
                        "gil_share",
                        "run_queue_share",
                        "blocked_share",
                        "idle_share",
                        "closure_error_share",
                        "diagnosis",
                        "error"};

/// A model that was not measured: everything between its status and the reason is empty.
std::string line_without_costs(fields known, const std::string& reason) {
  known.resize(columns.size() - 1);
  known.push_back(reason);
  return line(known);
}

}  // namespace

std::string csv_header() { return line(columns); }

std::string csv_lines(const record& experiment, const analysis& found) {
  const auto known = [&](const std::string& model, const char* status) {
    return fields{experiment.title, std::to_string(experiment.tasks), std::to_string(experiment.workers), model,
                  status};
  };
  const diagnosis why = diagnose(experiment, found);
  std::string text;
  for (const model_summary& model : found.models) {
    fields all = known(model.model, "ok");
    all.insert(all.end(), {std::to_string(experiment.order.size()),
                           model.rank > 0 ? std::to_string(model.rank) : "",
                           number(model.median_s),
                           number(model.min_s),
                           number(model.max_s),
                           number(model.speedup_vs_serial),
                           number(model.speedup_vs_reference),
                           number(model.setup_s / model.median_s),
                           number(model.cpu_s),
                           number(model.cores),
                           number(model.peak_bytes),
                           number(model.voluntary_switches),
                           number(model.involuntary_switches),
                           number(model.minor_faults),
                           number(model.major_faults),
                           number(model.vmhwm_tree_bytes),
                           number(model.shipped_bytes),
                           number(model.max_lag_s),
                           share(model, &decomposition::cpu_s),
                           share(model, &decomposition::gil_s),
                           share(model, &decomposition::runq_s),
                           share(model, &decomposition::blocked_s),
                           share(model, &decomposition::idle_s),
                           share(model, &decomposition::closure_error_s),
                           rules(why, model.model),
                           ""});
    text += line(all);
  }
  for (const failure& failed : found.failures)
    for (const std::string& model : failed.models)
      text += line_without_costs(known(model, "failed"), failed.summary.empty() ? failed.error : failed.summary);
  for (const auto& [model, reason] : experiment.unavailable) text += line_without_costs(known(model, "n/a"), reason);
  return text;
}

}  // namespace lab
