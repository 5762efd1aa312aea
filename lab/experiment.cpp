// SPDX-License-Identifier: Apache-2.0
// The rounds of an experiment.
#include "lab/experiment.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "lab/analysis.hpp"
#include "lab/guardian.hpp"
#include "lab/latin_square.hpp"

namespace lab {

namespace {

double seconds(std::chrono::nanoseconds time) { return std::chrono::duration<double>(time).count(); }

record empty_record(const workload& work, const experiment_plan& plan) {
  return {.version = FANOUT_VERSION,
          .started = utc_now(),
          .machine = describe_machine(),
          .host = work.host(),
          .title = work.title(),
          .workload = work.describe(),
          .tasks = plan.tasks,
          .workers = plan.workers,
          .seed = plan.seed,
          .test = plan.test,
          .warmups = plan.warmups,
          .timeout_s = seconds(plan.timeout),
          .budget_s = seconds(plan.budget),
          .models = plan.models};
}

bool all_is_decided(const record& experiment, const std::vector<claim>& claims) {
  const analysis found = analyse(experiment);
  return std::ranges::find(found.pairs, verdict::undecided, &comparison::outcome) == found.pairs.end() &&
         std::ranges::none_of(claims, [&](const claim& made) { return judge(made, found).open; });
}

class experiment {
 public:
  experiment(workload& work, const experiment_plan& plan, observer& watcher)
      : work_(work), plan_(plan), watcher_(watcher), found_(empty_record(work, plan)) {}

  record run();
  record plan();

 private:
  void choose_models();
  void warm_up();
  void run_round(unsigned round, const std::vector<std::size_t>& order);
  void measure(run_record& run);
  bool has_failed(const std::string& model) const { return std::ranges::find(failed_, model) != failed_.end(); }
  bool is_over(unsigned round);

  workload& work_;
  const experiment_plan& plan_;
  observer& watcher_;
  record found_;
  std::vector<std::string> running_, failed_;
  std::chrono::steady_clock::time_point started_ = std::chrono::steady_clock::now();
};

record experiment::run() {
  choose_models();
  watcher_.started(found_);
  warm_up();
  latin_square square(running_.size(), plan_.seed);
  for (unsigned round = 1; failed_.size() < running_.size(); ++round) {
    run_round(round, square.next_row());
    watcher_.round_finished(found_);
    if (is_over(round)) break;
  }
  return std::move(found_);
}

record experiment::plan() {
  choose_models();
  if (running_.empty()) return std::move(found_);
  found_.order.emplace_back();
  for (const std::size_t index : latin_square(running_.size(), plan_.seed).next_row())
    found_.order.back().push_back(running_[index]);
  return std::move(found_);
}

void experiment::choose_models() {
  for (const std::string& model : plan_.models) {
    if (auto reason = work_.unavailable(model))
      found_.unavailable.push_back({model, *reason});
    else
      running_.push_back(model);
  }
}

/// Brings what the runs read into memory, and finds out what cannot work before anything is measured.
void experiment::warm_up() {
  for (unsigned i = 0; i < plan_.warmups; ++i)
    for (const std::string& model : running_) {
      if (has_failed(model)) continue;
      run_record run{.model = model, .position = static_cast<unsigned>(found_.warmup_runs.size() + 1)};
      measure(run);
      found_.warmup_runs.push_back(std::move(run));
    }
}

void experiment::run_round(unsigned round, const std::vector<std::size_t>& order) {
  const machine_counters before = read_machine_counters();
  found_.order.emplace_back();
  for (const std::size_t index : order) {
    const std::string& model = running_[index];
    if (has_failed(model)) continue;
    found_.order.back().push_back(model);
    run_record run{.model = model, .round = round, .position = static_cast<unsigned>(found_.order.back().size())};
    measure(run);
    found_.runs.push_back(std::move(run));
  }
  found_.conditions.push_back(conditions_between(before, read_machine_counters()));
}

void experiment::measure(run_record& run) {
  const host_request request{.command = work_.host_command(run.model, plan_.tasks, plan_.workers),
                             .on_line = [&](const output_line& line) { watcher_.printed(run.model, line); },
                             .on_tick = [&] { watcher_.tick(); },
                             .timeout = plan_.timeout};
  watcher_.measuring(run.round, run.model);
  try {
    const host_outcome outcome = run_host(request);
    run.pss_peak_bytes = outcome.pss_peak_bytes;
    run.pss_samples = outcome.pss_samples;
    if (outcome.timed_out) {
      run.summary = fmt::format("no result after {:g} s", seconds(plan_.timeout));
      run.error = run.summary + "; --timeout gives it more time";
    } else if (!outcome.record.empty()) {
      read_host_record(outcome.record, run);
    } else {
      run.error = "the process that ran the tasks ended without a result: " + describe_exit(outcome.wait_status);
    }
  } catch (const cannot_start& error) {
    run.error = error.what();
  }
  if (!run.error.empty()) failed_.push_back(run.model);
  watcher_.measured(run);
}

bool experiment::is_over(unsigned round) {
  const std::vector<unsigned>& looks = plan_.test.looks;
  if (round == looks.back()) return true;
  if (std::ranges::find(looks, round) != looks.end() && all_is_decided(found_, plan_.claims)) return true;
  const auto spent = std::chrono::steady_clock::now() - started_;
  found_.budget_spent = plan_.budget.count() > 0 && spent >= plan_.budget && round >= plan_.least_rounds;
  return found_.budget_spent;
}

}  // namespace

record run_experiment(workload& work, const experiment_plan& plan, observer& watcher) {
  work.prepare(plan.tasks);
  return experiment(work, plan, watcher).run();
}

record plan_experiment(workload& work, const experiment_plan& plan) {
  work.prepare(plan.tasks);
  observer nobody;
  return experiment(work, plan, nobody).plan();
}

}  // namespace lab
