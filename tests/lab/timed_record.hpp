// SPDX-License-Identifier: Apache-2.0
// Records made by hand, with what every worker did: who ran which task when, and what it used.
#pragma once

#include <functional>

#include "lab/record.hpp"

struct timed_model {
  std::string model;
  double wall_s;
  std::vector<lab::task_report> tasks;
  std::vector<lab::worker_report> workers;
  std::function<void(lab::run_record&)> also = [](lab::run_record&) {};
};

inline lab::task_report ran(double start_s, double end_s, std::size_t worker = 0) {
  return {.ok = true, .start_s = start_s, .end_s = end_s, .type = "none", .value = nullptr, .worker = worker};
}

inline lab::worker_report used(double cpu_s, double runq_s = 0, std::int64_t voluntary = 3) {
  return {.cpu_s = cpu_s, .runq_s = runq_s, .voluntary = voluntary};
}

inline lab::run_record timed_run(const timed_model& of) {
  lab::run_record run{.model = of.model,
                      .wall_s = of.wall_s,
                      .voluntary_switches = 12,
                      .involuntary_switches = 3,
                      .minor_faults = 150,
                      .vmhwm_bytes = 5'000'000,
                      .pss_peak_bytes = 6'000'000,
                      .pss_samples = 7,
                      .vmhwm_tree_bytes = 9'000'000,
                      .workers = of.workers,
                      .tasks = of.tasks};
  run.setup_s = of.wall_s;
  for (const lab::task_report& task : of.tasks) run.setup_s = std::min(run.setup_s, task.start_s);
  for (const lab::worker_report& worker : of.workers) run.cpu_user_s += worker.cpu_s.value_or(0);
  of.also(run);
  return run;
}

/// Five rounds, all alike but for a thousandth, on so many CPUs.
inline lab::record timed_record(unsigned tasks, unsigned workers, const std::vector<timed_model>& models,
                                unsigned cpus = 2) {
  lab::record made{.version = "0.1.0",
                   .started = "2026-11-29T09:00:00Z",
                   .machine = {{"kernel", "6.18"}, {"cpus_effective", cpus}, {"pmu", "none"}},
                   .host = nlohmann::json::object(),
                   .title = "work",
                   .workload = {{"kind", "builtin"}, {"spec", "work"}, {"args", nlohmann::json::array()}},
                   .tasks = tasks,
                   .workers = workers,
                   .seed = 1,
                   .test = {.looks = {5}}};
  for (const timed_model& model : models) made.models.push_back(model.model);
  for (unsigned round = 1; round <= 5; ++round) {
    made.order.push_back(made.models);
    for (const timed_model& model : models) {
      lab::run_record run = timed_run(model);
      run.round = round;
      run.position = static_cast<unsigned>(&model - models.data()) + 1;
      run.wall_s *= 1 + 0.001 * ((round + run.position) % 3);
      made.runs.push_back(std::move(run));
    }
  }
  return made;
}

inline lab::record python(lab::record of) {
  of.host = {{"python", {{"version", "3.11.2"}, {"implementation", "CPython"}, {"executable", "/usr/bin/python3"}}}};
  return of;
}

// Two tasks that compute for a second each.

inline timed_model serial_computing() { return {"serial", 2.0, {ran(0, 1), ran(1, 2)}, {used(1.99, 0.005, 0)}}; }
inline timed_model async_computing() {
  return {
      "async", 2.0, {ran(0, 1), ran(1, 2)}, {used(1.99, 0.005, 0)}, [](lab::run_record& run) { run.max_lag_s = 1.99; }};
}
inline timed_model threads_computing() {
  return {"threads", 1.02, {ran(0.01, 1.01, 0), ran(0.01, 1.02, 1)}, {used(0.99, 0.01), used(0.98, 0.03)}};
}
inline timed_model processes_computing() {
  return {"processes",
          1.05,
          {ran(0.04, 1.04, 0), ran(0.05, 1.05, 1)},
          {used(0.99, 0.01), used(0.99, 0.01)},
          [](lab::run_record& run) { run.shipped_bytes = 300; }};
}
/// As serial: one holds the lock, the other waits for it.
inline timed_model threads_at_a_lock() {
  return {"threads", 2.03, {ran(0.01, 2.01, 0), ran(0.01, 2.03, 1)}, {used(1.0, 0.01), used(1.0, 0.01)}};
}

// Two tasks that wait for a second each.

inline timed_model serial_waiting() { return {"serial", 2.0, {ran(0, 1), ran(1, 2)}, {used(0.002)}}; }
inline timed_model async_waiting() {
  return {"async", 1.0, {ran(0, 1), ran(0, 1)}, {used(0.002)}, [](lab::run_record& run) { run.max_lag_s = 0.0002; }};
}
inline timed_model async_blocked() {
  return {"async", 2.0, {ran(0, 1), ran(1, 2)}, {used(0.002)}, [](lab::run_record& run) { run.max_lag_s = 1.99; }};
}
inline timed_model threads_waiting() {
  return {"threads", 1.001, {ran(0.001, 1.001, 0), ran(0.001, 1.001, 1)}, {used(0.001), used(0.001)}};
}
