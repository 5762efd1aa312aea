// SPDX-License-Identifier: Apache-2.0
// Reading a record: each value with its place in the document, so that errors can name it.
#include "lab/record_reader.hpp"

#include <fmt/format.h>

#include <limits>
#include <optional>
#include <utility>

namespace lab {

using nlohmann::json;

namespace {

/// A value, and where it stands.
class node {
 public:
  node(const json& value, std::string where) : value_(&value), where_(std::move(where)) {}

  const json& value() const { return *value_; }

  [[noreturn]] void is_wrong(std::string_view problem) const {
    throw bad_record(fmt::format("{} {}", where_.empty() ? "the document" : where_, problem));
  }

  std::optional<node> find(const std::string& key) const {
    if (!value_->is_object()) is_wrong("is not an object: {…}");
    const auto found = value_->find(key);
    if (found == value_->end()) return std::nullopt;
    return node(*found, where_ + "/" + key);
  }

  node at(const std::string& key) const {
    if (auto found = find(key)) return *found;
    throw bad_record(where_ + "/" + key + " is missing");
  }

  std::vector<node> items() const {
    if (!value_->is_array()) is_wrong("is not a list: […]");
    std::vector<node> all;
    for (const json& item : *value_) all.emplace_back(item, where_ + "/" + std::to_string(all.size()));
    return all;
  }

  /// None if there is no such key.
  std::vector<node> items_of(const std::string& key) const {
    const auto found = find(key);
    return found ? found->items() : std::vector<node>{};
  }

  std::string text() const {
    if (!value_->is_string()) is_wrong("is not a text");
    return *value_;
  }

  bool flag() const {
    if (!value_->is_boolean()) is_wrong("is neither true nor false");
    return *value_;
  }

  double number() const {
    if (!value_->is_number()) is_wrong("is not a number");
    return *value_;
  }

  double positive() const {
    const double found = number();
    if (!(found > 0)) is_wrong("is not more than 0");
    return found;
  }

  /// More than 0 and less than 1.
  double share() const {
    const double found = positive();
    if (found >= 1) is_wrong("is not less than 1");
    return found;
  }

  template <class Integer>
  Integer whole(Integer least = std::numeric_limits<Integer>::min()) const {
    if (!value_->is_number_integer()) is_wrong("is not a whole number");
    const bool small = value_->is_number_unsigned() ? std::in_range<Integer>(value_->get<std::uint64_t>())
                                                    : std::in_range<Integer>(value_->get<std::int64_t>());
    if (!small || value_->get<Integer>() < least) is_wrong(fmt::format("is not a whole number of {} or more", least));
    return *value_;
  }

  unsigned count() const { return whole<unsigned>(1); }

  std::vector<std::string> texts() const {
    std::vector<std::string> all;
    for (const node& item : items()) all.push_back(item.text());
    return all;
  }

  /// One of these names.
  std::string name_among(const std::vector<std::string>& names) const {
    std::string found = text();
    if (std::ranges::find(names, found) == names.end())
      is_wrong(fmt::format("is '{}', which is none of the models of its plan", found));
    return found;
  }

 private:
  const json* value_;
  std::string where_;
};

void check_schema(const node& document) {
  const auto schema = document.find("$schema");
  if (!schema) document.is_wrong("is not a record of fanout compare: it has no \"$schema\"");
  if (schema->text() != record_schema)
    schema->is_wrong(fmt::format("is '{}'; this version reads {}", schema->text(), record_schema));
}

test_plan read_test_plan(const node& plan) {
  test_plan test{.alpha = plan.at("alpha").share(),
                 .alpha_difference = plan.at("alpha_difference").share(),
                 .min_effect = plan.at("min_effect").share(),
                 .floor = plan.at("floor").positive()};
  for (const node& look : plan.at("looks").items()) {
    if (!test.looks.empty() && look.count() <= test.looks.back()) look.is_wrong("is not more than the look before");
    test.looks.push_back(look.count());
  }
  if (test.looks.empty()) plan.at("looks").is_wrong("is empty");
  return test;
}

task_report read_task(const node& task) {
  task_report report{
      .ok = task.at("ok").flag(), .start_s = task.at("start_s").number(), .end_s = task.at("end_s").number()};
  if (report.ok) {
    report.type = task.at("type").text();
    report.value = task.at("value").value();
  }
  if (const auto worker = task.find("worker")) report.worker = worker->whole<std::size_t>();
  return report;
}

gil_report read_gil(const node& gil) {
  if (const auto why = gil.find("unavailable")) return {.unavailable = why->text()};
  return {.wait_s = gil.at("wait_s").number(),
          .switch_s = gil.at("switch_s").number(),
          .runq_s = gil.at("runq_s").number(),
          .waits = gil.at("waits").whole<std::uint64_t>(),
          .max_wait_s = gil.at("max_wait_s").number(),
          .method = gil.at("method").text()};
}

std::optional<double> number_at(const node& object, const char* key) {
  const auto found = object.find(key);
  return found ? std::optional(found->number()) : std::nullopt;
}

worker_report read_worker(const node& worker) {
  worker_report report{
      .cpu_s = number_at(worker, "cpu_s"), .runq_s = number_at(worker, "runq_s"), .gil_s = number_at(worker, "gil_s")};
  if (const auto count = worker.find("voluntary")) report.voluntary = count->whole<std::int64_t>();
  return report;
}

void read_meters(const node& run, run_record& found) {
  if (const auto bytes = run.find("shipped_bytes")) found.shipped_bytes = bytes->whole<std::uint64_t>();
  if (const auto loop = run.find("loop")) found.max_lag_s = loop->at("max_lag_s").number();
  if (const auto gil = run.find("gil")) found.gil = read_gil(*gil);
  if (const auto perf = run.find("perf"))
    for (const auto& [name, count] : perf->value().items()) found.perf[name] = perf->at(name).whole<std::uint64_t>();
  for (const node& worker : run.items_of("workers")) found.workers.push_back(read_worker(worker));
  for (const node& task : run.items_of("tasks"))
    if (const auto worker = task.find("worker"); worker && worker->whole<std::size_t>() >= found.workers.size())
      worker->is_wrong("is not the place of one of the run's workers");
}

void read_costs(const node& costs, run_record& run) {
  run.wall_s = costs.at("wall_s").positive();
  run.setup_s = costs.at("setup_s").number();
  run.cpu_user_s = costs.at("cpu_user_s").number();
  run.cpu_sys_s = costs.at("cpu_sys_s").number();
  run.voluntary_switches = costs.at("ctx").at("voluntary").whole<std::int64_t>();
  run.involuntary_switches = costs.at("ctx").at("involuntary").whole<std::int64_t>();
  run.minor_faults = costs.at("faults").at("minor").whole<std::int64_t>();
  run.major_faults = costs.at("faults").at("major").whole<std::int64_t>();
  const node memory = costs.at("mem");
  run.pss_samples = memory.at("pss_samples").whole<unsigned>();
  if (const auto bytes = memory.find("vmhwm_bytes")) run.vmhwm_bytes = bytes->whole<std::uint64_t>();
  if (const auto bytes = memory.find("pss_peak_bytes")) run.pss_peak_bytes = bytes->whole<std::uint64_t>();
  if (const auto bytes = memory.find("vmhwm_bytes_sum")) run.vmhwm_tree_bytes = bytes->whole<std::uint64_t>();
  read_meters(costs, run);
}

run_record read_run(const node& found, const std::vector<std::string>& models) {
  run_record run{.model = found.at("model").name_among(models),
                 .round = found.at("round").whole<unsigned>(),
                 .position = found.at("position").count()};
  for (const node& task : found.items_of("tasks")) run.tasks.push_back(read_task(task));
  if (found.at("status").text() == "ok") {
    read_costs(found, run);
    if (run.tasks.empty()) found.is_wrong("has no tasks");
    if (!std::ranges::all_of(run.tasks, &task_report::ok)) found.is_wrong("is ok, but not all its tasks are");
  } else {
    run.error = found.at("error").text();
    if (run.error.empty()) found.at("error").is_wrong("is empty");
    if (const auto summary = found.find("summary")) run.summary = summary->text();
  }
  return run;
}

round_conditions read_conditions(const node& round) {
  round_conditions conditions;
  if (const auto steal = round.find("steal")) conditions.steal = steal->number();
  if (const auto others = round.find("others")) conditions.others = others->number();
  if (const auto throttled = round.find("throttled")) conditions.throttled = throttled->whole<std::int64_t>();
  return conditions;
}

/// "workload" without what to_json() has added to it.
json read_workload(const node& workload) {
  json described = workload.value();
  for (const char* added : {"title", "tasks", "workers", "result", "results"}) described.erase(added);
  return described;
}

json read_machine(const node& machine) {
  machine.at("cpus_effective").count();
  if (const auto kernel = machine.find("kernel")) kernel->text();
  return machine.value();
}

json read_host(const node& document) {
  const auto python = document.find("python");
  if (!python) return json::object();
  for (const char* key : {"implementation", "version", "executable"})
    if (const auto about = python->find(key)) about->text();
  return {{"python", python->value()}};
}

/// Whether these are the rounds of all runs of a model that never failed.
bool are_whole(const std::vector<unsigned>& seen, const record& experiment) {
  unsigned round = 1, left = experiment.runs_in(round);
  for (const unsigned of_run : seen) {
    if (of_run != round || round > experiment.order.size()) return false;
    if (--left == 0) left = experiment.runs_in(++round);
  }
  return round == experiment.order.size() + 1 && left == experiment.runs_in(round);
}

/// Every model that was available and never failed has its runs in each round: differences are taken within rounds.
void check_rounds(const record& experiment, const node& document) {
  const std::size_t rounds = experiment.order.size();
  if (!experiment.conditions.empty() && experiment.conditions.size() != rounds)
    document.at("rounds").is_wrong(
        fmt::format("has {} entries, /plan/order has {}", experiment.conditions.size(), rounds));
  for (const std::string& model : experiment.models) {
    std::vector<unsigned> seen;
    bool failed = false;
    for (const auto* runs : {&experiment.warmup_runs, &experiment.runs})
      for (const run_record& run : *runs) failed |= run.model == model && !run.error.empty();
    for (const run_record& run : experiment.runs)
      if (run.model == model) seen.push_back(run.round);
    if (failed) continue;
    if (std::ranges::find(experiment.unavailable, model, &unavailable_model::model) != experiment.unavailable.end()) {
      if (!seen.empty()) document.at("runs").is_wrong(fmt::format("has runs of {}, which was unavailable", model));
      continue;
    }
    if (are_whole(seen, experiment)) continue;
    document.at("runs").is_wrong(
        experiment.repeats == 1
            ? fmt::format("has not one run of {} for each of {} rounds, in their order", model, rounds)
            : fmt::format(
                  "has not one run of {} for each round up to the first look, and {} for each after it, in their "
                  "order",
                  model, experiment.repeats));
  }
}

}  // namespace

record read_record(const json& document, const std::string& where) {
  const node all(document, where);
  check_schema(all);
  const node plan = all.at("plan"), workload = all.at("workload");
  record experiment{.version = all.at("fanout").text(),
                    .started = all.at("started").text(),
                    .machine = read_machine(all.at("machine")),
                    .host = read_host(all),
                    .title = workload.at("title").text(),
                    .workload = read_workload(workload),
                    .tasks = workload.at("tasks").count(),
                    .workers = workload.at("workers").count(),
                    .seed = all.at("seed").whole<std::uint64_t>(),
                    .test = read_test_plan(plan),
                    .warmups = plan.at("warmup").whole<unsigned>(),
                    .models = plan.at("models").texts()};
  if (const auto timeout = plan.find("timeout_s")) experiment.timeout_s = timeout->positive();
  if (const auto budget = plan.find("budget_s")) experiment.budget_s = budget->positive();
  if (const auto spent = plan.find("budget_spent")) experiment.budget_spent = spent->flag();
  if (const auto interrupted = plan.find("interrupted")) experiment.interrupted = interrupted->flag();
  if (const auto reference = plan.find("reference")) experiment.reference = reference->name_among(experiment.models);
  if (const auto repeats = plan.find("repeats")) experiment.repeats = repeats->count();
  for (const node& round : plan.at("order").items()) {
    experiment.order.emplace_back();
    for (const node& model : round.items()) experiment.order.back().push_back(model.name_among(experiment.models));
  }
  for (const node& one : all.items_of("unavailable"))
    experiment.unavailable.push_back(
        {.model = one.at("model").name_among(experiment.models), .reason = one.at("reason").text()});
  for (const node& run : all.items_of("warmup")) experiment.warmup_runs.push_back(read_run(run, experiment.models));
  for (const node& round : all.items_of("rounds")) experiment.conditions.push_back(read_conditions(round));
  for (const node& run : all.at("runs").items()) experiment.runs.push_back(read_run(run, experiment.models));
  check_rounds(experiment, all);
  return experiment;
}

}  // namespace lab
