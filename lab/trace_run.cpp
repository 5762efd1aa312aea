// SPDX-License-Identifier: Apache-2.0
#include "lab/trace_run.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "lab/guardian.hpp"
#include "lab/host_process.hpp"
#include "lab/load_meter.hpp"

namespace lab {

namespace {

bool was_measured(const record& experiment, const std::string& model) {
  const auto of_model = [&](const run_record& run) { return run.model == model; };
  const auto failed = [&](const run_record& run) { return of_model(run) && !run.error.empty(); };
  return std::ranges::any_of(experiment.runs, of_model) && std::ranges::none_of(experiment.runs, failed);
}

void read_outcome(const host_outcome& outcome, timeline& watched) {
  watched.host = outcome.host;
  if (outcome.timed_out) {
    watched.run.error = "no result in time";
  } else if (outcome.record.empty()) {
    watched.run.error = "the process that ran the tasks ended without a result: " + describe_exit(outcome.wait_status);
  } else {
    read_host_record(outcome.record, watched.run);
    if (watched.run.error.empty()) read_trace(outcome.record, watched);
  }
}

timeline run_one(const workload& work, const record& experiment, const std::string& model, observer& watcher) {
  timeline watched{.name = model, .run = {.model = model}};
  load_meter load;
  std::vector<std::string> environment = work.host_environment(model);
  environment.emplace_back("FANOUT_TRACE=1");
  const host_request request{
      .command = work.host_command(model, experiment.tasks, experiment.workers),
      .environment = std::move(environment),
      .on_line = [&](const output_line& line) { watcher.printed(model, line); },
      .on_tick = [&] { watcher.tick(); },
      .watch = [&](pid_t host) { load.look(host); },
      .timeout = std::chrono::ceil<std::chrono::nanoseconds>(std::chrono::duration<double>(experiment.timeout_s))};
  watcher.tracing(model);
  try {
    read_outcome(run_host(request), watched);
  } catch (const cannot_start& error) {
    watched.run.error = error.what();
  } catch (const std::exception& error) {
    watched.run.error = fmt::format("the host's record cannot be drawn: {}", error.what());
  }
  watched.load = load.samples();
  return watched;
}

}  // namespace

std::vector<timeline> run_for_trace(const workload& work, const record& experiment, observer& watcher) {
  std::vector<timeline> runs;
  for (const std::string& model : experiment.models)
    if (was_measured(experiment, model)) runs.push_back(run_one(work, experiment, model, watcher));
  return runs;
}

}  // namespace lab
