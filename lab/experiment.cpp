// SPDX-License-Identifier: Apache-2.0
// The rounds of an experiment.
#include "lab/experiment.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <optional>

#include "lab/analysis.hpp"
#include "lab/guardian.hpp"
#include "lab/interruption.hpp"
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
          .models = plan.models,
          .reference = plan.reference};
}

/// What it was made by, and what is still to be done.
experiment_plan plan_of(const record& begun) {
  return {.models = begun.models,
          .reference = begun.reference,
          .tasks = begun.tasks,
          .workers = begun.workers,
          .seed = begun.seed,
          .test = begun.test,
          .warmups = begun.warmups,
          .timeout = std::chrono::ceil<std::chrono::nanoseconds>(std::chrono::duration<double>(begun.timeout_s))};
}

/// Measurements of different things do not make one experiment. `what` is the first key that differs.
void refuse_other(std::string_view kind, const nlohmann::json& begun, const nlohmann::json& now) {
  for (const auto& [what, value] : begun.items())
    if (!now.contains(what) || now[what] != value)
      throw usage_error(fmt::format("cannot go on: {}'s {} was {}, now it is {}", kind, what, value.dump(),
                                    now.contains(what) ? now[what].dump() : "unknown"));
}

/// Of each process the highest peak that was seen: by the samples, by itself if it is the host, by the host if it is a
/// worker.
std::uint64_t sum_of_peaks(const host_outcome& outcome, const run_record& run) {
  std::map<pid_t, std::uint64_t> peaks = outcome.vmhwm_bytes;
  peaks[outcome.host] = std::max(peaks[outcome.host], run.vmhwm_bytes);
  for (const auto& [pid, bytes] : run.worker_peaks) peaks[pid] = std::max(peaks[pid], bytes);
  std::uint64_t sum = 0;
  for (const auto& [pid, bytes] : peaks) sum += bytes;
  return sum;
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

  /// Goes on with one.
  experiment(workload& work, const experiment_plan& plan, observer& watcher, record begun)
      : work_(work), plan_(plan), watcher_(watcher), found_(std::move(begun)) {}

  record run();
  record plan();

 private:
  void choose_models();
  void take_over_failures();
  void run_rounds();
  std::vector<std::size_t> next_order(unsigned round);
  record whole_rounds() const;
  void warm_up();
  void run_round(unsigned round, const std::vector<std::size_t>& order);
  void choose_repeats(unsigned round);
  void measure(run_record& run);
  bool has_failed(const std::string& model) const { return std::ranges::find(failed_, model) != failed_.end(); }
  bool is_over(unsigned round);

  workload& work_;
  const experiment_plan& plan_;
  observer& watcher_;
  record found_;
  std::vector<std::string> running_, failed_;
  std::optional<latin_square> square_;
  unsigned measured_ = 0;  // runs in rounds, without failure
  double measuring_s_ = 0;
  std::chrono::steady_clock::time_point started_ = std::chrono::steady_clock::now();
};

record experiment::run() {
  choose_models();
  take_over_failures();
  watcher_.started(found_);
  try {
    warm_up();
    run_rounds();
  } catch (const interrupted&) {
    if (record whole = whole_rounds(); !whole.order.empty()) watcher_.interrupted(std::move(whole));
    throw;
  }
  return std::move(found_);
}

void experiment::run_rounds() {
  square_.emplace(running_.size(), plan_.seed);
  for (unsigned begun = 1; begun <= found_.order.size(); ++begun) next_order(begun);
  for (auto round = static_cast<unsigned>(found_.order.size()) + 1; failed_.size() < running_.size(); ++round) {
    run_round(round, next_order(round));
    const bool over = is_over(round);
    if (!over) choose_repeats(round);
    watcher_.round_finished(found_);
    if (over) break;
  }
}

/// A row of the square for each run of a model.
std::vector<std::size_t> experiment::next_order(unsigned round) {
  std::vector<std::size_t> order;
  for (unsigned row = 0; row < found_.runs_in(round); ++row)
    std::ranges::copy(square_->next_row(), std::back_inserter(order));
  return order;
}

/// Without what was being measured when a signal came.
record experiment::whole_rounds() const {
  record whole = found_;
  whole.order.resize(whole.conditions.size());
  std::erase_if(whole.runs, [&](const run_record& run) { return run.round > whole.order.size(); });
  whole.interrupted = true;
  return whole;
}

/// Of an experiment that is resumed: what has failed stays so.
void experiment::take_over_failures() {
  for (const auto* runs : {&found_.warmup_runs, &found_.runs})
    for (const run_record& run : *runs)
      if (!run.error.empty()) failed_.push_back(run.model);
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
                             .environment = work_.host_environment(run.model),
                             .on_line = [&](const output_line& line) { watcher_.printed(run.model, line); },
                             .on_tick = [&] { watcher_.tick(); },
                             .timeout = plan_.timeout};
  watcher_.measuring(run.round, run.model);
  const auto started = std::chrono::steady_clock::now();
  try {
    const host_outcome outcome = run_host(request);
    run.pss_peak_bytes = outcome.pss_peak_bytes;
    run.pss_samples = outcome.pss_samples;
    run.perf = outcome.perf;
    if (outcome.timed_out) {
      run.summary = fmt::format("no result after {:g} s", seconds(plan_.timeout));
      run.error = run.summary + "; --timeout gives it more time";
    } else if (!outcome.record.empty()) {
      read_host_record(outcome.record, run);
      run.vmhwm_tree_bytes = sum_of_peaks(outcome, run);
    } else {
      run.error = "the process that ran the tasks ended without a result: " + describe_exit(outcome.wait_status);
    }
  } catch (const cannot_start& error) {
    run.error = error.what();
  }
  if (!run.error.empty()) {
    failed_.push_back(run.model);
  } else if (run.round > 0) {
    ++measured_;
    measuring_s_ += seconds(std::chrono::steady_clock::now() - started);
  }
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

/// What the first look does not decide is run as often as the budget allows in the rounds that are left. Not from the
/// start: most comparisons end there.
void experiment::choose_repeats(unsigned round) {
  constexpr double most = 40, most_tasks = 1e6;  // whose reports are all kept
  constexpr double share = 0.9;                  // of the budget: the last look is to be reached
  const std::vector<unsigned>& looks = plan_.test.looks;
  if (plan_.budget.count() == 0 || looks.size() < 2 || round != looks.front()) return;
  const double left_s = share * seconds(plan_.budget - (std::chrono::steady_clock::now() - started_));
  const auto models = static_cast<double>(running_.size() - failed_.size());
  const double rounds = looks.back() - round;
  const double by_time = left_s / (measuring_s_ / measured_) / rounds / models;
  const double by_tasks = most_tasks / plan_.tasks / rounds / models;
  found_.repeats = static_cast<unsigned>(std::clamp(std::min(by_time, by_tasks), 1.0, most));
}

}  // namespace

record run_experiment(workload& work, const experiment_plan& plan, observer& watcher) {
  work.prepare(plan.tasks);
  return experiment(work, plan, watcher).run();
}

record resume_experiment(workload& work, record begun, const std::vector<claim>& claims,
                         std::chrono::nanoseconds budget, unsigned least_rounds, observer& watcher) {
  if (!begun.interrupted || begun.order.size() >= begun.test.looks.back())
    throw usage_error("the experiment is complete: there is nothing to go on with");
  work.prepare(begun.tasks);
  refuse_other("the tool", {{"version", begun.version}}, {{"version", FANOUT_VERSION}});
  refuse_other("the machine", begun.machine, describe_machine());
  refuse_other("the work", begun.workload, work.describe());
  refuse_other("the work", begun.host, work.host());
  for (const std::string& model : begun.models) {
    const auto reason = work.unavailable(model);
    const bool was = std::ranges::find(begun.unavailable, model, &unavailable_model::model) == begun.unavailable.end();
    if (was != !reason)
      throw usage_error(
          fmt::format("cannot go on: {} {}", model, was ? "is not available: " + *reason : "was not available"));
  }
  experiment_plan plan = plan_of(begun);
  plan.claims = claims;
  plan.budget = budget;
  plan.least_rounds = std::max(least_rounds, static_cast<unsigned>(begun.order.size()) + 1);
  begun.interrupted = false;
  begun.budget_s = seconds(budget);
  begun.unavailable.clear();  // they are found again
  return experiment(work, plan, watcher, std::move(begun)).run();
}

record plan_experiment(workload& work, const experiment_plan& plan) {
  work.prepare(plan.tasks);
  observer nobody;
  return experiment(work, plan, nobody).plan();
}

}  // namespace lab
