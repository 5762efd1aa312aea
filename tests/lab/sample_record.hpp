// SPDX-License-Identifier: Apache-2.0
// A record as an experiment would leave it: threads twice as fast as serial and async, processes not available.
#pragma once

#include "lab/record.hpp"

inline lab::run_record sample_run(const std::string& model, unsigned round, unsigned position, double wall_s,
                                  double cpu_s) {
  const lab::task_report first{.ok = true, .start_s = 0.01, .end_s = wall_s, .type = "int", .value = "333"};
  lab::task_report second = first;
  second.start_s = 0.02;
  return {.model = model,
          .round = round,
          .position = position,
          .wall_s = wall_s,
          .setup_s = 0.01,
          .cpu_user_s = cpu_s,
          .voluntary_switches = 2,
          .involuntary_switches = 12,
          .vmhwm_bytes = 4'500'000,
          .pss_peak_bytes = 3'000'000,
          .pss_samples = 4,
          .tasks = {first, second}};
}

inline lab::record sample_record() {
  lab::record sample{
      .version = "0.1.0",
      .started = "2026-11-23T09:00:00Z",
      .machine = {{"kernel", "6.18"}, {"cpus_effective", 2}},
      .host = nlohmann::json::object(),
      .title = "cpu:10",
      .workload = {{"kind", "builtin"}, {"spec", "cpu:10"}, {"args", nlohmann::json::array()}},
      .tasks = 2,
      .workers = 2,
      .seed = 42,
      .test = {.looks = {5}},
      .models = {"serial", "async", "threads", "processes"},
      .unavailable = {{.model = "processes", .reason = "this machine has a reason of a certain length"}}};
  const double drift[] = {1.00, 1.01, 0.99, 1.02, 1.00};
  const double own[] = {1.001, 0.999, 1.0, 1.002, 0.998};
  for (unsigned round = 1; round <= 5; ++round) {
    const double d = drift[round - 1];
    sample.order.push_back({"serial", "async", "threads"});
    sample.runs.push_back(sample_run("serial", round, 1, 2 * d, 2 * d));
    sample.runs.push_back(sample_run("async", round, 2, 2 * d * own[round - 1], 2 * d));
    sample.runs.push_back(sample_run("threads", round, 3, d * own[5 - round], 1.98 * d));
  }
  return sample;
}
