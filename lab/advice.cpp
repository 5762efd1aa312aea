// SPDX-License-Identifier: Apache-2.0
#include "lab/advice.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "lab/format.hpp"

namespace lab {

namespace {

std::string how_many_workers(const facts& all, const std::string& model) {
  if (!is_pool(model) || !all.alone) return "";
  const unsigned tasks = all.experiment.tasks;
  if (*all.alone >= 0.9) {
    const unsigned workers = std::min(all.cpus, tasks);
    return fmt::format(" with {}{}", counted(workers, "worker"), workers == all.cpus ? ", one for each CPU" : "");
  }
  if (*all.alone <= 0.1)
    return fmt::format(" with as many workers as tasks are to wait at the same time, here {}", tasks);
  const auto workers = static_cast<unsigned>(std::ceil(all.cpus / *all.alone));
  return fmt::format(" with {}: as many as keep {} busy", counted(std::min(workers, tasks), "worker"),
                     counted(all.cpus, "CPU"));
}

/// Somebody else's, of the same kind as one of these of ours.
bool is_peer_of_any(const std::string& model, const std::vector<const model_summary*>& others) {
  const known_model* known = find_model(model);
  if (known == nullptr || known->role != known_model::peer) return false;
  return std::ranges::any_of(others, [&](const model_summary* other) {
    const known_model* ours = find_model(other->model);
    return ours != nullptr && ours->kind == known->kind && ours->role != known_model::peer;
  });
}

/// "; processes is as fast, and takes more memory".
std::string beside(const facts& all, const model_summary& chosen, const model_summary& other) {
  if (all.found.between(chosen.model, other.model) == verdict::undecided)
    return fmt::format("; whether {} is faster is undecided", other.model);
  return fmt::format("; {} is as fast{}", other.model,
                     other.peak_bytes > 1.1 * chosen.peak_bytes ? ", and takes more memory" : "");
}

/// What there are verdicts on is each other model against the reference alone.
std::string advice_on_reference(const facts& all) {
  const std::string& reference = all.experiment.reference;
  std::vector<std::string> faster, open;
  for (const model_summary& model : all.found.models) {  // best first
    const verdict found = all.found.between(model.model, reference);
    if (found == verdict::faster) faster.push_back(model.model);
    if (found == verdict::undecided && model.model != reference) open.push_back(model.model);
  }
  if (faster.empty()) return open.empty() ? fmt::format("stay with {}: nothing is faster", reference) : "";
  std::string text = fmt::format("rather than {}, use {}{}", reference, faster[0], how_many_workers(all, faster[0]));
  for (std::size_t i = 1; i < faster.size(); ++i)
    text += fmt::format("; {} is faster than {}, too, and was not compared with {}", faster[i], reference, faster[0]);
  return text;
}

}  // namespace

std::optional<diagnosis::bound> best_possible(const facts& all) {
  const model_summary* serial = all.model("serial");
  const std::vector<double> tasks = all.task_times("serial");
  if (serial == nullptr || !serial->time || !serial->speedup_vs_serial || all.experiment.tasks < 2) return {};
  const decomposition& time = *serial->time;
  const double rounds = static_cast<double>(tasks.size()) / all.experiment.tasks;
  // What others took from it is no work, so it is neither to be done nor to be gained.
  const double work_s = time.cpu_s + time.blocked_s;
  const double undisturbed = time.tasks_s > 0 ? work_s / time.tasks_s : 1;
  const double longest_s = undisturbed * all.longest_task_at_its_best_s("serial");
  const double least_s = std::max(time.cpu_s / rounds / all.cpus, longest_s);
  // In the terms of the table.
  const bool on_serial = all.experiment.reference.empty();
  const std::string over = on_serial ? "serial" : all.experiment.reference;
  const auto speedup = on_serial ? &model_summary::speedup_vs_serial : &model_summary::speedup_vs_reference;
  const auto best = std::ranges::max_element(all.found.models, {},
                                             [&](const model_summary& model) { return (model.*speedup).value_or(0); });
  const model_summary* const base = all.model(over);
  if (!(least_s > 0) || !((*best).*speedup) || base == nullptr || !base->speedup_vs_serial) return {};
  const double over_serial = std::min<double>(work_s / rounds / least_s, all.experiment.tasks);
  return diagnosis::bound{over_serial / *base->speedup_vs_serial, *((*best).*speedup), best->model, all.cpus, over};
}

std::string advice(const facts& all) {
  const std::vector<model_summary>& models = all.found.models;
  if (models.size() < 2 || !all.alone) return {};
  if (!all.experiment.reference.empty()) return advice_on_reference(all);
  std::vector<const model_summary*> best;
  for (const model_summary& model : models)
    if (model.rank == 1) best.push_back(&model);
  if (const auto serial = std::ranges::find(best, "serial", &model_summary::model); serial != best.end()) {
    const bool shown = std::ranges::all_of(best, [&](const model_summary* one) {
      return one == *serial || all.found.between("serial", one->model) != verdict::undecided;
    });
    return shown ? "run the tasks one after another: nothing is faster, and nothing is simpler" : "";
  }
  const auto is_slower_or_undecided = [&, fastest = best.front()->model](const model_summary* one) {
    const verdict found = all.found.between(fastest, one->model);
    return one->model != fastest && found != verdict::equivalent && found != verdict::negligible;
  };
  std::vector<const model_summary*> as_fast = best;
  std::erase_if(as_fast, is_slower_or_undecided);
  // Those of one kind are no different choices.
  std::erase_if(as_fast, [of = as_fast](const model_summary* one) { return is_peer_of_any(one->model, of); });
  const model_summary& chosen = **std::ranges::min_element(as_fast, {}, &model_summary::peak_bytes);
  std::string text = fmt::format("use {}{}", chosen.model, how_many_workers(all, chosen.model));
  for (const model_summary* one : best)
    if (one != &chosen) text += beside(all, chosen, *one);
  return text;
}

}  // namespace lab
