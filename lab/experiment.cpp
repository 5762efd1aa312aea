// SPDX-License-Identifier: Apache-2.0
// The rounds of an experiment.
#include "lab/experiment.hpp"

#include <algorithm>
#include <ctime>

#include "lab/guardian.hpp"
#include "lab/latin_square.hpp"

namespace lab {

namespace {

std::string utc_now() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  gmtime_r(&now, &parts);
  char text[sizeof "2026-01-01T00:00:00Z"];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text;
}

record empty_record(const workload& work, const experiment_plan& plan) {
  return {.version = FANOUT_VERSION,
          .started = utc_now(),
          .machine = describe_machine(),
          .host = work.host(),
          .title = work.title(),
          .workload = work.describe(),
          .tasks = plan.tasks,
          .workers = plan.workers,
          .rounds = plan.rounds,
          .seed = plan.seed,
          .test = plan.test,
          .models = plan.models};
}

void measure(const workload& work, const experiment_plan& plan, observer& watcher, run_record& run) {
  const host_request request{
      .command = work.host_command(run.model, plan.tasks, plan.workers),
      .on_line = [&](const output_line& line) { watcher.printed(run.model, line); },
      .on_tick = [&] { watcher.tick(); },
  };
  try {
    const host_outcome outcome = run_host(request);
    run.pss_peak_bytes = outcome.pss_peak_bytes;
    run.pss_samples = outcome.pss_samples;
    if (!outcome.record.empty())
      read_host_record(outcome.record, run);
    else
      run.error = "the process that ran the tasks ended without a result: " + describe_exit(outcome.wait_status);
  } catch (const cannot_start& error) {
    run.error = error.what();
  }
}

}  // namespace

record run_experiment(workload& work, const experiment_plan& plan, observer& watcher) {
  work.prepare(plan.tasks);
  record found = empty_record(work, plan);
  std::vector<std::string> running;
  for (const std::string& model : plan.models) {
    if (auto reason = work.unavailable(model))
      found.unavailable.push_back({model, *reason});
    else
      running.push_back(model);
  }
  watcher.started(found);
  latin_square square(running.size(), plan.seed);
  std::vector<std::string> failed;
  for (unsigned round = 1; round <= plan.rounds && failed.size() < running.size(); ++round) {
    found.order.emplace_back();
    for (const std::size_t index : square.next_row()) {
      const std::string& model = running[index];
      if (std::ranges::find(failed, model) != failed.end()) continue;
      found.order.back().push_back(model);
      run_record run{.model = model, .round = round, .position = static_cast<unsigned>(found.order.back().size())};
      watcher.measuring(round, model);
      measure(work, plan, watcher, run);
      watcher.measured(run);
      if (!run.error.empty()) failed.push_back(model);
      found.runs.push_back(std::move(run));
    }
    watcher.round_finished(found);
  }
  return found;
}

}  // namespace lab
