// SPDX-License-Identifier: Apache-2.0
// Reading what hosts write, and writing the record as JSON.
#include "lab/record.hpp"

#include <fmt/format.h>
#include <sys/utsname.h>

#include <cmath>
#include <ctime>
#include <fanout/workers.hpp>
#include <fstream>
#include <numeric>

#include "lab/analysis.hpp"
#include "lab/decomposition.hpp"
#include "lab/diagnosis.hpp"
#include "lab/hardware_counters.hpp"

namespace lab {

using json = nlohmann::ordered_json;  // keys stay in the order in which a reader wants them

namespace {

task_report read_task(const json& task) {
  task_report report{.ok = task.at("ok"), .start_s = task.value("start_s", 0.0), .end_s = task.value("end_s", 0.0)};
  if (report.ok) {
    report.type = task.at("type");
    report.value = task.at("value");
  } else {
    report.error = task.at("error");
    report.summary = task.value("summary", std::string());
  }
  if (task.contains("worker")) report.worker = task.at("worker");
  return report;
}

template <class T>
std::optional<T> optional_value(const json& object, const char* key) {
  return object.contains(key) ? std::optional<T>(object.at(key)) : std::nullopt;
}

worker_report read_worker(const json& worker) {
  return {.cpu_s = optional_value<double>(worker, "cpu_s"),
          .runq_s = optional_value<double>(worker, "runq_s"),
          .gil_s = optional_value<double>(worker, "gil_s"),
          .voluntary = optional_value<std::int64_t>(worker, "voluntary")};
}

void take_over_first_error(run_record& run) {
  const auto failed = std::ranges::find(run.tasks, false, &task_report::ok);
  if (failed == run.tasks.end()) return;
  run.error = failed->error.empty() ? "a task failed without saying why" : failed->error;
  while (run.error.ends_with('\n')) run.error.pop_back();
  run.summary = failed->summary;
}

gil_report read_gil(const json& gil) {
  if (gil.contains("unavailable")) return {.unavailable = gil.at("unavailable")};
  return {.wait_s = gil.at("wait_s"),
          .switch_s = gil.at("switch_s"),
          .runq_s = gil.at("runq_s"),
          .waits = gil.at("waits"),
          .max_wait_s = gil.at("max_wait_s"),
          .method = gil.at("method")};
}

void read_costs(const json& costs, run_record& run) {
  run.wall_s = costs.at("wall_s");
  run.cpu_user_s = costs.at("cpu_user_s");
  run.cpu_sys_s = costs.at("cpu_sys_s");
  run.voluntary_switches = costs.at("ctx").at("voluntary");
  run.involuntary_switches = costs.at("ctx").at("involuntary");
  run.minor_faults = costs.at("faults").at("minor");
  run.major_faults = costs.at("faults").at("major");
  run.vmhwm_bytes = costs.at("mem").value("vmhwm_bytes", std::uint64_t{0});
  run.shipped_bytes = optional_value<std::uint64_t>(costs, "shipped_bytes");
  run.max_lag_s = costs.contains("loop") ? optional_value<double>(costs.at("loop"), "max_lag_s") : std::nullopt;
  if (const auto gil = costs.find("gil"); gil != costs.end()) run.gil = read_gil(*gil);
  for (const json& worker : costs.value("workers", json::array())) {
    run.workers.push_back(read_worker(worker));
    if (worker.contains("pid")) run.worker_peaks[worker.at("pid")] = worker.value("vmhwm_bytes", std::uint64_t{0});
  }
  for (const task_report& task : run.tasks)
    if (task.worker && *task.worker >= run.workers.size()) throw std::runtime_error("a task names no worker of it");
}

json to_json(const task_report& task) {
  json result = {{"start_s", task.start_s}, {"end_s", task.end_s}, {"ok", task.ok}};
  if (task.ok) {
    result["type"] = task.type;
    result["value"] = task.value;
  }
  if (task.worker) result["worker"] = *task.worker;
  return result;
}

json to_json(const gil_report& gil) {
  if (!gil.unavailable.empty()) return {{"unavailable", gil.unavailable}};
  return {{"wait_s", gil.wait_s}, {"switch_s", gil.switch_s},     {"runq_s", gil.runq_s},
          {"waits", gil.waits},   {"max_wait_s", gil.max_wait_s}, {"method", gil.method}};
}

json to_json(const worker_report& worker) {
  json result = json::object();
  if (worker.cpu_s) result["cpu_s"] = *worker.cpu_s;
  if (worker.runq_s) result["runq_s"] = *worker.runq_s;
  if (worker.gil_s) result["gil_s"] = *worker.gil_s;
  if (worker.voluntary) result["voluntary"] = *worker.voluntary;
  return result;
}

json to_json(const decomposition& time) {
  return {{"setup_s", time.setup_s},     {"cpu_s", time.cpu_s},
          {"gil_s", time.gil_s},         {"runq_s", time.runq_s},
          {"blocked_s", time.blocked_s}, {"idle_s", time.idle_s},
          {"workers_s", time.workers_s}, {"closure_error_s", time.closure_error_s}};
}

json to_json(const run_record& run) {
  json result = {{"model", run.model}, {"round", run.round}, {"position", run.position}};
  result["status"] = run.error.empty() ? "ok" : "failed";
  for (const task_report& task : run.tasks) result["tasks"].push_back(to_json(task));
  if (!run.error.empty()) {
    result["error"] = run.error;
    if (!run.summary.empty()) result["summary"] = run.summary;
    return result;
  }
  result["wall_s"] = run.wall_s;
  result["setup_s"] = run.setup_s;
  result["cpu_user_s"] = run.cpu_user_s;
  result["cpu_sys_s"] = run.cpu_sys_s;
  result["ctx"] = {{"voluntary", run.voluntary_switches}, {"involuntary", run.involuntary_switches}};
  result["faults"] = {{"minor", run.minor_faults}, {"major", run.major_faults}};
  result["mem"] = {{"pss_samples", run.pss_samples}};
  if (run.vmhwm_bytes > 0) result["mem"]["vmhwm_bytes"] = run.vmhwm_bytes;
  if (run.pss_peak_bytes > 0) result["mem"]["pss_peak_bytes"] = run.pss_peak_bytes;
  if (run.vmhwm_tree_bytes > 0) result["mem"]["vmhwm_bytes_sum"] = run.vmhwm_tree_bytes;
  if (!run.perf.empty()) result["perf"] = run.perf;
  if (run.shipped_bytes) result["shipped_bytes"] = *run.shipped_bytes;
  if (run.max_lag_s) result["loop"] = {{"max_lag_s", *run.max_lag_s}};
  if (run.gil) result["gil"] = to_json(*run.gil);
  for (const worker_report& worker : run.workers) result["workers"].push_back(to_json(worker));
  if (const auto time = decompose(run)) result["decomposition"] = to_json(*time);
  return result;
}

json to_json(const round_conditions& found, std::size_t round) {
  json result = {{"round", round}, {"dirty", found.disturbed()}};
  if (found.steal) result["steal"] = *found.steal;
  if (found.others) result["others"] = *found.others;
  if (found.throttled) result["throttled"] = *found.throttled;
  return result;
}

json plan_to_json(const record& experiment) {
  json plan = {{"models", experiment.models},
               {"rounds", experiment.test.looks.back()},
               {"looks", experiment.test.looks},
               {"warmup", experiment.warmups}};
  if (experiment.timeout_s > 0) plan["timeout_s"] = experiment.timeout_s;
  if (experiment.budget_s > 0) plan["budget_s"] = experiment.budget_s;
  if (experiment.budget_spent) plan["budget_spent"] = true;
  if (experiment.interrupted) plan["interrupted"] = true;
  if (!experiment.reference.empty()) plan["reference"] = experiment.reference;
  plan["alpha"] = experiment.test.alpha;
  plan["alpha_difference"] = experiment.test.alpha_difference;
  plan["min_effect"] = experiment.test.min_effect;
  plan["floor"] = experiment.test.floor;
  if (experiment.repeats > 1) plan["repeats"] = experiment.repeats;
  plan["order"] = experiment.order;
  return plan;
}

json to_json(const model_summary& model) {
  json result = {{"model", model.model},
                 {"median_s", model.median_s},
                 {"min_s", model.min_s},
                 {"max_s", model.max_s},
                 {"setup_s", model.setup_s},
                 {"setup_share", model.setup_s / model.median_s},
                 {"cpu_s", model.cpu_s},
                 {"peak_bytes", model.peak_bytes},
                 {"ctx", {{"voluntary", model.voluntary_switches}, {"involuntary", model.involuntary_switches}}}};
  result["faults"] = {{"minor", model.minor_faults}, {"major", model.major_faults}};
  if (model.cores) result["cores"] = *model.cores;
  if (model.vmhwm_tree_bytes) result["vmhwm_bytes_sum"] = *model.vmhwm_tree_bytes;
  if (model.shipped_bytes) result["shipped_bytes"] = *model.shipped_bytes;
  if (model.max_lag_s) result["max_lag_s"] = *model.max_lag_s;
  if (model.time) result["decomposition"] = to_json(*model.time);
  if (model.rank > 0) result["rank"] = model.rank;
  if (model.speedup_vs_serial) result["speedup_vs_serial"] = *model.speedup_vs_serial;
  if (model.speedup_vs_reference) result["speedup_vs_reference"] = *model.speedup_vs_reference;
  return result;
}

json to_json(const char* method, const interval& range) {
  return {{"method", method}, {"level", range.level}, {"lo", range.low}, {"hi", range.high}};
}

json to_json(const comparison& pair, const analysis& found, const record& experiment) {
  json result = {{"a", found.compared[pair.a]},
                 {"b", found.compared[pair.b]},
                 {"ratio", pair.ratio},
                 {"verdict", to_string(pair.outcome)},
                 {"rounds", experiment.order.size()}};
  if (pair.evidence) {
    result["ci"] = to_json("t", pair.evidence->ratio);
    if (pair.evidence->sign) result["ci_sign"] = to_json("sign", *pair.evidence->sign);
    result["p_difference"] = pair.evidence->p_difference;
    result["p_equivalence"] = pair.evidence->p_equivalence;
  }
  if (pair.more_rounds) result["more_rounds"] = *pair.more_rounds;
  return result;
}

/// As hyperfine exports it (its src/benchmark/benchmark_result.rs), so that its scripts can read our records.
json hyperfine_result(const record& experiment, const model_summary& model) {
  std::vector<double> times, user, system, memory;
  for (const run_record& run : experiment.runs) {
    if (run.model != model.model) continue;
    times.push_back(run.wall_s);
    user.push_back(run.cpu_user_s);
    system.push_back(run.cpu_sys_s);
    memory.push_back(static_cast<double>(run.peak_bytes()));
  }
  const auto mean = [](const std::vector<double>& values) {
    return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
  };
  double squares = 0;
  for (const double time : times) squares += (time - mean(times)) * (time - mean(times));
  json result = {{"command", fmt::format("{} × {} ({})", experiment.title, experiment.tasks, model.model)},
                 {"mean", mean(times)}};
  result["stddev"] = nullptr;  // of one run: as hyperfine has it
  if (times.size() > 1) result["stddev"] = std::sqrt(squares / static_cast<double>(times.size() - 1));
  result.update({{"median", model.median_s},
                 {"user", mean(user)},
                 {"system", mean(system)},
                 {"min", model.min_s},
                 {"max", model.max_s},
                 {"times", times},
                 {"memory_usage_byte", memory},
                 {"exit_codes", std::vector(times.size(), 0)}});
  return result;
}

/// What all tasks returned, or the list of what each returned.
json to_json(const returned_values& returned) {
  const auto& [type, value] = returned.tasks.front();
  bool alike = true;
  json all = json::array();
  for (const auto& task : returned.tasks) {
    alike = alike && task == returned.tasks.front();
    all.push_back(json(task.second));
  }
  if (alike) return {{"type", type}, {"value", value}};
  return {{"type", "list"}, {"value", std::move(all)}};
}

json workload_to_json(const record& experiment, const analysis& found) {
  json result = experiment.workload;
  result["title"] = experiment.title;
  result["tasks"] = experiment.tasks;
  result["workers"] = experiment.workers;
  if (found.values.size() == 1) result["result"] = to_json(found.values.front());
  if (found.values_differ())
    for (const returned_values& returned : found.values) {
      json one = to_json(returned);
      one["models"] = returned.models;
      result["results"].push_back(std::move(one));
    }
  return result;
}

}  // namespace

void read_host_record(std::string_view line, run_record& run) {
  try {
    const json host = json::parse(line);
    if (host.contains("error")) {
      run.error = host.at("error");
      return;
    }
    for (const json& task : host.at("tasks")) run.tasks.push_back(read_task(task));
    take_over_first_error(run);
    if (!run.error.empty()) return;
    if (run.tasks.empty()) throw std::runtime_error("it names no task");
    read_costs(host, run);
    run.setup_s = std::ranges::min_element(run.tasks, {}, &task_report::start_s)->start_s;
    if (!(run.wall_s > 0)) throw std::runtime_error("its wall time is not positive");
  } catch (const std::exception& error) {
    run.error = std::string("the host's record cannot be used: ") + error.what();
  }
}

std::string utc_now() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  gmtime_r(&now, &parts);
  char text[sizeof "2026-01-01T00:00:00Z"];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text;
}

nlohmann::json describe_machine() {
  utsname system{};
  uname(&system);
  nlohmann::json machine = {{"kernel", system.release}, {"cpus_effective", fanout::default_workers()}};
  machine["pmu"] = why_no_hardware_counters().value_or("yes");
  std::ifstream processors("/proc/cpuinfo");
  for (std::string line; std::getline(processors, line);)
    if (line.starts_with("model name") && line.find(": ") != std::string::npos) {
      machine["cpu"] = line.substr(line.find(": ") + 2);
      break;
    }
  return machine;
}

nlohmann::ordered_json to_json(const record& experiment) {
  const analysis found = analyse(experiment);
  json result = {{"$schema", record_schema},         {"fanout", experiment.version},
                 {"started", experiment.started},    {"seed", experiment.seed},
                 {"machine", experiment.machine},    {"workload", workload_to_json(experiment, found)},
                 {"plan", plan_to_json(experiment)}, {"runs", json::array()},
                 {"summary", json::array()},         {"pairs", json::array()}};
  result.update(experiment.host);
  for (const run_record& run : experiment.warmup_runs) result["warmup"].push_back(to_json(run));
  for (std::size_t i = 0; i < experiment.conditions.size(); ++i)
    result["rounds"].push_back(to_json(experiment.conditions[i], i + 1));
  for (const run_record& run : experiment.runs) result["runs"].push_back(to_json(run));
  const diagnosis why = diagnose(experiment, found);
  for (const model_summary& model : found.models) {
    result["summary"].push_back(to_json(model));
    if (const auto rules = why.rules_of(model.model); !rules.empty()) result["summary"].back()["diagnosis"] = rules;
  }
  for (const comparison& pair : found.pairs) result["pairs"].push_back(to_json(pair, found, experiment));
  add_to_json(why, result);
  for (const auto& [model, reason] : experiment.unavailable)
    result["unavailable"].push_back(json{{"model", model}, {"reason", reason}});
  for (const failure& failed : found.failures) {
    json one = {{"models", failed.models}, {"error", failed.error}};
    if (!failed.summary.empty()) one["summary"] = failed.summary;
    result["failures"].push_back(std::move(one));
  }
  for (const model_summary& model : found.models) result["results"].push_back(hyperfine_result(experiment, model));
  return result;
}

}  // namespace lab
