// SPDX-License-Identifier: Apache-2.0
// One runner per model. Each makes what its model needs, runs the tasks, stops the clock at the last result; whatever
// it made is gone when it returns.
#include "workloads/builtin_host.hpp"

#include <sys/prctl.h>

#include <exception>
#include <fanout/event_loop.hpp>
#include <fanout/gather.hpp>
#include <fanout/process_pool.hpp>
#include <fanout/thread_pool.hpp>
#include <nlohmann/json.hpp>

#include "lab/host_record.hpp"
#include "lab/meter.hpp"
#include "workloads/builtin.hpp"

namespace workloads {

namespace {

struct task_outcome {
  std::int64_t start_ns, end_ns;
  task_value value;
  std::string error{};  // why there is no value
};

/// Every runner leaves plain outcomes, one per task, in the tasks' order. Reports are made of them when the clock has
/// stopped, for all models alike.
struct assignment {
  std::string spec;
  const builtin& work;
  std::uint64_t amount;
  unsigned tasks, workers;
  lab::meter& clock;
  std::vector<task_outcome> outcomes;
};

/// The task itself, wherever it runs.
task_outcome timed(task_value (*call)(std::uint64_t), std::uint64_t amount) {
  task_outcome done{.start_ns = lab::now_ns(), .end_ns = 0, .value = {}};
  done.value = call(amount);
  done.end_ns = lab::now_ns();
  return done;
}

void run_serial(assignment& job) {
  for (unsigned i = 0; i < job.tasks; ++i) job.outcomes.push_back(timed(job.work.call, job.amount));
  job.clock.stop_clock();
}

fanout::task<task_outcome> timed_async(fanout::task<task_value> (*call)(std::uint64_t), std::uint64_t amount) {
  task_outcome done{.start_ns = lab::now_ns(), .end_ns = 0, .value = {}};
  done.value = co_await call(amount);
  done.end_ns = lab::now_ns();
  co_return done;
}

void run_async(assignment& job) {
  std::vector<fanout::task<task_outcome>> tasks;
  for (unsigned i = 0; i < job.tasks; ++i) tasks.push_back(timed_async(job.work.call_async, job.amount));
  job.outcomes = fanout::run(fanout::gather(std::move(tasks)));
  job.clock.stop_clock();
}

void run_threads(assignment& job) {
  fanout::thread_pool pool(job.workers);
  std::vector<fanout::future<task_outcome>> futures;
  for (unsigned i = 0; i < job.tasks; ++i) futures.push_back(pool.submit(timed, job.work.call, job.amount));
  for (auto& future : futures) job.outcomes.push_back(future.get());
  job.clock.stop_clock();
}

/// In a worker. By name, since the functions may have other addresses there.
task_outcome timed_by_name(const std::string& spec) {
  const auto parsed = parse_builtin(spec);
  return timed(parsed->work->call, parsed->amount);
}

void run_processes(assignment& job) {
  fanout::process_pool pool(job.workers);
  std::vector<fanout::future<task_outcome>> futures;
  for (unsigned i = 0; i < job.tasks; ++i) futures.push_back(pool.submit(timed_by_name, job.spec));
  for (auto& future : futures) {
    try {
      job.outcomes.push_back(future.get());
    } catch (const std::exception& error) {  // its process died: the others may well have succeeded
      job.outcomes.push_back({.start_ns = 0, .end_ns = 0, .value = {}, .error = error.what()});
    }
  }
  job.clock.stop_clock();
}

nlohmann::json report_on(const task_outcome& done, const lab::meter& clock) {
  if (!done.error.empty()) return {{"ok", false}, {"error", done.error}};
  nlohmann::json report = {{"start_s", clock.seconds_since_start(done.start_ns)},
                           {"end_s", clock.seconds_since_start(done.end_ns)},
                           {"ok", true},
                           {"type", done.value.type},
                           {"value", nullptr}};
  if (done.value.type != "none") report["value"] = done.value.value;
  return report;
}

struct model {
  std::string_view name;
  void (*run)(assignment&);
};

constexpr model models[] = {
    {"serial", run_serial},
    {"async", run_async},
    {"threads", run_threads},
    {"processes", run_processes},
};

nlohmann::json measured(const model& under, const builtin_spec& spec, const host_job& job) {
  lab::meter clock;
  assignment work{.spec = std::string(job.spec),
                  .work = *spec.work,
                  .amount = spec.amount,
                  .tasks = job.tasks,
                  .workers = job.workers,
                  .clock = clock,
                  .outcomes = {}};
  work.outcomes.reserve(job.tasks);
  clock.start();
  under.run(work);
  nlohmann::json record = clock.finish();
  for (const task_outcome& done : work.outcomes) record["tasks"].push_back(report_on(done, clock));
  return record;
}

}  // namespace

std::vector<std::string> builtin_models() {
  std::vector<std::string> names;
  for (const model& known : models) names.emplace_back(known.name);
  return names;
}

int run_builtin_host(const host_job& job) {
  prctl(PR_SET_NAME, "fanout");  // it was started as /proc/self/exe
  const auto spec = parse_builtin(job.spec);
  if (!spec) throw lab::usage_error("there is no built-in workload '" + std::string(job.spec) + "'");
  for (const model& known : models) {
    if (known.name != job.model) continue;
    try {
      lab::write_host_record(measured(known, *spec, job));
      return 0;
    } catch (const std::exception& error) {
      lab::write_host_record({{"error", error.what()}});
      return 1;
    }
  }
  throw lab::usage_error("there is no model '" + std::string(job.model) + "' for built-in workloads");
}

}  // namespace workloads
