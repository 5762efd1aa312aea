// SPDX-License-Identifier: Apache-2.0
// What a diagnosis looks at: a record and what was found in it, asked as its rules ask. Part of diagnosis.cpp.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "lab/analysis.hpp"
#include "lab/format.hpp"
#include "lab/models.hpp"
#include "lab/record.hpp"

namespace lab {

/// Of the workers' time a share that is worth a sentence.
inline constexpr double notable = 0.2;
/// Speed-ups that are none, and those that are one.
inline constexpr double no_gain = 1.15, gain = 1.3;

inline std::string percent(double share) { return fmt::format("{:.0f} %", 100 * share); }
inline std::string times(double factor) { return format_factor(factor) + "×"; }

/// What the rules look at.
struct facts {
  facts(const record& of, const analysis& from) : experiment(of), found(from) {
    cpus = of.machine.value("cpus_effective", 1U);
    python = of.host.contains("python");
    if (const model_summary* serial = model("serial"); serial != nullptr && serial->time) {
      const decomposition& time = *serial->time;
      if (time.cpu_s + time.blocked_s > 0) alone = time.cpu_s / (time.cpu_s + time.blocked_s);
    }
  }

  /// Measured, or null.
  const model_summary* model(const std::string& name) const {
    const auto at = std::ranges::find(found.models, name, &model_summary::model);
    return at == found.models.end() ? nullptr : &*at;
  }
  /// The first that was measured of a kind: ours, if it was.
  const model_summary* first_of(model_kind kind) const {
    for (const known_model& known : known_models())
      if (known.kind == kind)
        if (const model_summary* measured = model(std::string(known.name))) return measured;
    return nullptr;
  }
  /// Those that were measured and have workers, ours first.
  std::vector<const model_summary*> pools() const {
    std::vector<const model_summary*> measured;
    for (const known_model& known : known_models())
      if (known.is_pool())
        if (const model_summary* pool = model(std::string(known.name))) measured.push_back(pool);
    return measured;
  }
  /// Of a model, over all rounds: each task's time.
  std::vector<double> task_times(const std::string& name) const {
    std::vector<double> seconds;
    for (const run_record& run : experiment.runs)
      if (run.model == name && run.error.empty())
        for (const task_report& task : run.tasks) seconds.push_back(task.end_s - task.start_s);
    return seconds;
  }
  /// Each task as fast as it ever was: what is added to that is the machine's, not the task's.
  double longest_task_at_its_best_s(const std::string& name) const {
    std::vector<double> least;  // as many as were run, whatever number a record claims
    for (const run_record& run : experiment.runs) {
      if (run.model != name) continue;
      least.resize(std::max(least.size(), run.tasks.size()), std::numeric_limits<double>::infinity());
      for (std::size_t i = 0; i < run.tasks.size(); ++i)
        least[i] = std::min(least[i], run.tasks[i].end_s - run.tasks[i].start_s);
    }
    if (least.empty()) return 0;
    return std::ranges::max(least);
  }
  /// Of a run, in the middle of all rounds.
  double longest_task_s(const std::string& name) const {
    std::vector<double> longest;
    for (const run_record& run : experiment.runs) {
      if (run.model != name || !run.error.empty()) continue;
      longest.push_back(0);
      for (const task_report& task : run.tasks) longest.back() = std::max(longest.back(), task.end_s - task.start_s);
    }
    return median(longest);
  }
  /// When the last task of a run had begun, in the middle of all rounds.
  double all_begun_s(const std::string& name) const {
    std::vector<double> begun;
    for (const run_record& run : experiment.runs)
      if (run.model == name && run.error.empty())
        begun.push_back(std::ranges::max(run.tasks, {}, &task_report::start_s).start_s);
    return median(begun);
  }
  /// In every run, had all tasks of an event loop begun before one ended? It begins what it is given at its first turn.
  bool all_at_once(const std::string& name) const {
    return std::ranges::all_of(experiment.runs, [&](const run_record& run) {
      return run.model != name || !run.error.empty() ||
             std::ranges::max(run.tasks, {}, &task_report::start_s).start_s <
                 std::ranges::min(run.tasks, {}, &task_report::end_s).end_s;
    });
  }
  /// CPU time of a task, on average.
  std::optional<double> task_cpu_s(const model_summary& measured) const {
    const std::size_t count = task_times(measured.model).size();
    if (!measured.time || count == 0) return std::nullopt;
    return measured.time->cpu_s / static_cast<double>(count);
  }
  /// How many tasks can compute at the same time.
  unsigned at_once() const { return std::min({cpus, experiment.workers, experiment.tasks}); }
  bool computes() const { return alone && *alone >= 0.5; }

  const record& experiment;
  const analysis& found;
  unsigned cpus = 1;
  bool python = false;
  std::optional<double> alone{};  // how much of their time the tasks compute when nothing else of ours runs
};

inline bool is_of(model_kind kind, const std::string& model) {
  const known_model* known = find_model(model);
  return known != nullptr && known->kind == kind;
}
inline bool is_pool(const std::string& model) {
  const known_model* known = find_model(model);
  return known != nullptr && known->is_pool();
}

}  // namespace lab
