// SPDX-License-Identifier: Apache-2.0
// From runs to medians, verdicts, failures and values.
#include "lab/analysis.hpp"

#include <algorithm>
#include <functional>

namespace lab {

namespace {

using runs_of_a_model = std::vector<const run_record*>;

runs_of_a_model runs_of(const std::vector<run_record>& runs, const std::string& model) {
  runs_of_a_model found;
  for (const run_record& run : runs)
    if (run.model == model) found.push_back(&run);
  return found;
}

double median_of(const runs_of_a_model& runs, const std::function<double(const run_record&)>& of) {
  std::vector<double> values;
  for (const run_record* run : runs) values.push_back(of(*run));
  return median(values);
}

/// How many cores were busy. Nothing for runs so short that what is read beside the clock shows, nor for what cannot
/// be.
std::optional<double> cores_of(const runs_of_a_model& runs, double cpus) {
  constexpr double shortest_s = 1e-3, tolerance = 1.05;
  if (median_of(runs, [](const run_record& run) { return run.wall_s; }) < shortest_s) return std::nullopt;
  const double cores = median_of(runs, [](const run_record& run) { return run.cpu_s() / run.wall_s; });
  if (cores < 0 || cores > cpus * tolerance) return std::nullopt;
  return cores;
}

std::optional<double> as_double(std::optional<std::uint64_t> bytes) {
  return bytes ? std::optional(static_cast<double>(*bytes)) : std::nullopt;
}

std::optional<double> known(std::uint64_t bytes) { return as_double(bytes > 0 ? std::optional(bytes) : std::nullopt); }

/// Nothing if any run has none.
std::optional<double> median_of_known(const runs_of_a_model& runs,
                                      const std::function<std::optional<double>(const run_record&)>& of) {
  if (!std::ranges::all_of(runs, [&](const run_record* run) { return of(*run).has_value(); })) return std::nullopt;
  return median_of(runs, [&](const run_record& run) { return *of(run); });
}

std::optional<decomposition> time_of(const runs_of_a_model& runs) {
  decomposition sum;
  for (const run_record* run : runs) {
    const auto time = decompose(*run);
    if (!time) return std::nullopt;
    sum += *time;
  }
  return sum;
}

model_summary summarise(const std::string& model, const runs_of_a_model& runs, double cpus) {
  const auto by_wall = [](const run_record* run) { return run->wall_s; };
  return {
      .model = model,
      .median_s = median_of(runs, [](const run_record& run) { return run.wall_s; }),
      .min_s = (*std::ranges::min_element(runs, {}, by_wall))->wall_s,
      .max_s = (*std::ranges::max_element(runs, {}, by_wall))->wall_s,
      .setup_s = median_of(runs, [](const run_record& run) { return run.setup_s; }),
      .cpu_s = median_of(runs, [](const run_record& run) { return run.cpu_s(); }),
      .cores = cores_of(runs, cpus),
      .peak_bytes = median_of(runs, [](const run_record& run) { return static_cast<double>(run.peak_bytes()); }),
      .voluntary_switches =
          median_of(runs, [](const run_record& run) { return static_cast<double>(run.voluntary_switches); }),
      .involuntary_switches =
          median_of(runs, [](const run_record& run) { return static_cast<double>(run.involuntary_switches); }),
      .minor_faults = median_of(runs, [](const run_record& run) { return static_cast<double>(run.minor_faults); }),
      .major_faults = median_of(runs, [](const run_record& run) { return static_cast<double>(run.major_faults); }),
      .vmhwm_tree_bytes = median_of_known(runs, [](const run_record& run) { return known(run.vmhwm_tree_bytes); }),
      .shipped_bytes = median_of_known(runs, [](const run_record& run) { return as_double(run.shipped_bytes); }),
      .max_lag_s = median_of_known(runs, [](const run_record& run) { return run.max_lag_s; }),
      .time = time_of(runs),
  };
}

void add_failure(std::vector<failure>& failures, const run_record& run) {
  auto known = std::ranges::find(failures, run.error, &failure::error);
  if (known == failures.end()) {
    const auto failed = std::ranges::count(run.tasks, false, &task_report::ok);
    known = failures.insert(known, {.models = {},
                                    .error = run.error,
                                    .summary = run.summary,
                                    .failed = static_cast<std::size_t>(failed),
                                    .tasks = run.tasks.size()});
  }
  if (std::ranges::find(known->models, run.model) == known->models.end()) known->models.push_back(run.model);
}

void add_values(std::vector<returned_values>& values, const run_record& run) {
  returned_values returned;
  for (const task_report& task : run.tasks) returned.tasks.emplace_back(task.type, task.value);
  auto known = std::ranges::find(values, returned.tasks, &returned_values::tasks);
  if (known == values.end()) known = values.insert(known, std::move(returned));
  if (std::ranges::find(known->models, run.model) == known->models.end()) known->models.push_back(run.model);
}

/// Of each round that is tested; of a round of several runs their median.
std::vector<double> walls_of(const record& experiment, const std::string& model) {
  std::vector<std::vector<double>> rounds;
  for (const run_record* run : runs_of(experiment.runs, model)) {
    rounds.resize(std::max<std::size_t>(rounds.size(), run->round));
    rounds[run->round - 1].push_back(run->wall_s);
  }
  const std::size_t superseded = superseded_rounds(experiment.test, experiment.repeats, rounds.size());
  std::vector<double> wall_s;
  for (std::size_t i = superseded; i < rounds.size(); ++i) wall_s.push_back(median(std::move(rounds[i])));
  return wall_s;
}

void add_verdicts(analysis& found, const record& experiment) {
  std::vector<std::vector<double>> wall_s;
  for (const std::string& model : found.compared) wall_s.push_back(walls_of(experiment, model));
  std::optional<std::size_t> reference;
  if (!experiment.reference.empty()) {
    const auto at = std::ranges::find(found.compared, experiment.reference);
    if (at == found.compared.end()) return;
    reference = static_cast<std::size_t>(at - found.compared.begin());
  }
  found.pairs = compare_all(wall_s, experiment.test, reference);
  const std::vector<unsigned> rank =
      reference ? ranks_on_reference(found.compared.size(), found.pairs) : ranks(found.compared.size(), found.pairs);
  for (std::size_t i = 0; i < rank.size(); ++i) found.models[i].rank = rank[i];
}

void add_speedups(analysis& found, const record& experiment, const std::string& over,
                  std::optional<double> model_summary::* speedup) {
  if (std::ranges::find(found.compared, over) == found.compared.end()) return;
  for (model_summary& model : found.models)
    model.*speedup = median_ratio(walls_of(experiment, model.model), walls_of(experiment, over));
}

}  // namespace

verdict analysis::between(const std::string& a, const std::string& b) const {
  for (const comparison& pair : pairs) {
    if (compared[pair.a] == a && compared[pair.b] == b) return pair.outcome;
    if (compared[pair.a] != b || compared[pair.b] != a) continue;
    if (pair.outcome == verdict::faster) return verdict::slower;
    return pair.outcome == verdict::slower ? verdict::faster : pair.outcome;
  }
  return verdict::undecided;
}

double analysis::ratio(const std::string& a, const std::string& b) const {
  for (const comparison& pair : pairs) {
    if (compared[pair.a] == a && compared[pair.b] == b) return pair.ratio;
    if (compared[pair.a] == b && compared[pair.b] == a) return 1 / pair.ratio;
  }
  return 1;
}

std::optional<interval> analysis::range(const std::string& a, const std::string& b) const {
  for (const comparison& pair : pairs) {
    if (!pair.evidence) continue;
    const interval& of = pair.evidence->ratio;
    if (compared[pair.a] == a && compared[pair.b] == b) return of;
    if (compared[pair.a] == b && compared[pair.b] == a) return interval{1 / of.high, 1 / of.low, of.level};
  }
  return {};
}

analysis analyse(const record& experiment) {
  analysis found;
  const double cpus = experiment.machine.value("cpus_effective", 1.0);
  for (const std::string& model : experiment.models) {
    const runs_of_a_model runs = runs_of(experiment.runs, model), warmups = runs_of(experiment.warmup_runs, model);
    const auto with_error = [](const run_record* run) { return !run->error.empty(); };
    const bool failed = std::ranges::any_of(runs, with_error) || std::ranges::any_of(warmups, with_error);
    for (const run_record* run : warmups)
      if (!run->error.empty()) add_failure(found.failures, *run);
    for (const run_record* run : runs) {
      if (!run->error.empty())
        add_failure(found.failures, *run);
      else
        add_values(found.values, *run);
    }
    if (runs.empty() || failed) continue;
    found.compared.push_back(model);
    found.models.push_back(summarise(model, runs, cpus));
  }
  if (!found.values_differ() && !found.compared.empty()) add_verdicts(found, experiment);
  if (!found.values_differ()) {
    add_speedups(found, experiment, "serial", &model_summary::speedup_vs_serial);
    add_speedups(found, experiment, experiment.reference, &model_summary::speedup_vs_reference);
  }
  std::ranges::sort(found.models, {}, [](const model_summary& m) { return std::pair(m.rank, m.median_s); });
  return found;
}

}  // namespace lab
