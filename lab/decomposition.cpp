// SPDX-License-Identifier: Apache-2.0
// Intervals of tasks, and what is left between them.
#include "lab/decomposition.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include "lab/record.hpp"

namespace lab {

namespace {

using intervals = std::vector<std::pair<double, double>>;

/// Of the tasks of each worker: many at a time, in an event loop.
std::vector<intervals> tasks_by_worker(const run_record& run) {
  std::vector<intervals> of(run.workers.size());
  for (const task_report& task : run.tasks)
    if (task.worker) of[*task.worker].emplace_back(task.start_s, task.end_s);
  for (intervals& one : of) std::ranges::sort(one);
  return of;
}

/// The length of their union.
double covered(const intervals& sorted) {
  double sum = 0, until = sorted.front().first;
  for (const auto& [start, end] : sorted) {
    sum += std::max(0.0, end - std::max(start, until));
    until = std::max(until, end);
  }
  return sum;
}

decomposition decompose_worker(const worker_report& used, const intervals& tasks, double wall_s) {
  decomposition time{.workers_s = wall_s,
                     .setup_s = tasks.front().first,
                     .cpu_s = *used.cpu_s,
                     .gil_s = used.gil_s.value_or(0),
                     .runq_s = *used.runq_s,
                     .tasks_s = covered(tasks)};
  const double slept = wall_s - time.setup_s - time.cpu_s - time.gil_s - time.runq_s;
  const bool never_slept = used.voluntary == 0;
  if (slept < 0 || never_slept) {
    time.closure_error_s = slept;
    return time;
  }
  time.idle_s = std::clamp(wall_s - time.setup_s - time.tasks_s, 0.0, slept);
  time.blocked_s = slept - time.idle_s;
  return time;
}

}  // namespace

decomposition& decomposition::operator+=(const decomposition& other) {
  for (double decomposition::* part :
       {&decomposition::workers_s, &decomposition::setup_s, &decomposition::cpu_s, &decomposition::gil_s,
        &decomposition::runq_s, &decomposition::blocked_s, &decomposition::idle_s, &decomposition::closure_error_s,
        &decomposition::tasks_s})
    this->*part += other.*part;
  gil_inseparable = gil_inseparable || other.gil_inseparable;
  return *this;
}

std::optional<decomposition> decompose(const run_record& run) {
  const auto known = [](const worker_report& worker) { return worker.cpu_s && worker.runq_s; };
  const auto has_worker = [](const task_report& task) { return task.worker.has_value(); };
  constexpr double shortest_s = 1e-3;
  if (!run.error.empty() || run.wall_s < shortest_s || run.workers.empty() ||
      !std::ranges::all_of(run.workers, known) || !std::ranges::all_of(run.tasks, has_worker))
    return std::nullopt;
  decomposition sum;
  const std::vector<intervals> tasks = tasks_by_worker(run);
  for (std::size_t i = 0; i < run.workers.size(); ++i) {
    if (tasks[i].empty()) return std::nullopt;
    sum += decompose_worker(run.workers[i], tasks[i], run.wall_s);
  }
  sum.gil_inseparable = run.gil && !run.gil->unavailable.empty();
  return sum;
}

}  // namespace lab
