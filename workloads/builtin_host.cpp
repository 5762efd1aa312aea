// SPDX-License-Identifier: Apache-2.0
// One runner per model. Each makes what its model needs, runs the tasks, stops the clock at the last result; whatever
// it made is gone when it returns.
#include "workloads/builtin_host.hpp"

#include <sys/prctl.h>

#include <chrono>
#include <exception>
#include <fanout/event_loop.hpp>
#include <fanout/gather.hpp>
#include <fanout/process_pool.hpp>
#include <fanout/sleep.hpp>
#include <fanout/spawn.hpp>
#include <fanout/thread_pool.hpp>
#include <nlohmann/json.hpp>

#include "lab/host_record.hpp"
#include "lab/meter.hpp"
#include "lab/worker_meter.hpp"
#include "workloads/builtin.hpp"

namespace workloads {

namespace {

struct task_outcome {
  std::int64_t start_ns, end_ns;
  task_value value;
  std::string error{};  // why there is no value
  lab::worker_start worker{};
};

/// Every runner leaves plain outcomes, one per task, in the tasks' order. Reports are made of them when the clock has
/// stopped, for all models alike.
struct assignment {
  std::string spec;
  const builtin& work;
  std::uint64_t amount;
  unsigned tasks, workers;
  std::vector<bytes> data;  // what each task is handed; none if that is nothing
  lab::meter& clock;
  std::vector<task_outcome> outcomes;
  lab::worker_list used_by{};
  std::optional<double> max_lag_s{};
  std::optional<std::uint64_t> shipped_bytes{};

  /// While the workers still live: later nobody could tell what they have used.
  void stop_clock() {
    clock.stop_clock();
    for (const task_outcome& done : outcomes)
      if (done.error.empty()) used_by.place_of(done.worker);
  }

  task_input input(unsigned number) {
    return {.amount = amount, .number = number, .data = data.empty() ? bytes{} : std::move(data[number])};
  }
};

/// The task itself, wherever it runs.
task_outcome timed(task_value (*call)(task_input), task_input input) {
  const lab::worker_start& worker = lab::this_worker();
  task_outcome done{.start_ns = lab::now_ns(), .end_ns = 0, .value = {}, .worker = worker};
  done.value = call(std::move(input));
  done.end_ns = lab::now_ns();
  return done;
}

void run_serial(assignment& job) {
  for (unsigned i = 0; i < job.tasks; ++i) job.outcomes.push_back(timed(job.work.call, job.input(i)));
  job.stop_clock();
}

fanout::task<task_outcome> timed_async(fanout::task<task_value> (*call)(task_input), task_input input) {
  const lab::worker_start& worker = lab::this_worker();
  task_outcome done{.start_ns = lab::now_ns(), .end_ns = 0, .value = {}, .worker = worker};
  done.value = co_await call(std::move(input));
  done.end_ns = lab::now_ns();
  co_return done;
}

/// How late the loop is for what is due: a task that computes or blocks keeps it. Its pauses grow with the run, so that
/// it costs a run of a second some twenty wake-ups.
struct heartbeat {
  std::int64_t began_ns = lab::now_ns();
  std::int64_t due_ns = began_ns + 10'000'000;
  std::int64_t max_lag_ns = 0;

  /// Also when the tasks have ended before the loop came to it.
  void look() { max_lag_ns = std::max(max_lag_ns, lab::now_ns() - due_ns); }

  fanout::task<> beat() {
    for (;;) {
      co_await fanout::sleep(std::chrono::nanoseconds(due_ns - lab::now_ns()));
      look();
      const std::int64_t now_ns = lab::now_ns();
      due_ns = now_ns + std::max<std::int64_t>(10'000'000, (now_ns - began_ns) / 4);
    }
  }
};

fanout::task<std::vector<task_outcome>> with_heartbeat(std::vector<fanout::task<task_outcome>> tasks,
                                                       heartbeat& heart) {
  const auto beating = fanout::spawn(heart.beat());
  auto outcomes = co_await fanout::gather(std::move(tasks));
  heart.look();
  co_return outcomes;
}

void run_async(assignment& job) {
  heartbeat heart;
  std::vector<fanout::task<task_outcome>> tasks;
  for (unsigned i = 0; i < job.tasks; ++i) tasks.push_back(timed_async(job.work.call_async, job.input(i)));
  job.outcomes = fanout::run(with_heartbeat(std::move(tasks), heart));
  job.stop_clock();
  job.max_lag_s = 1e-9 * static_cast<double>(heart.max_lag_ns);
}

void run_threads(assignment& job) {
  fanout::thread_pool pool(job.workers);
  std::vector<fanout::future<task_outcome>> futures;
  for (unsigned i = 0; i < job.tasks; ++i) futures.push_back(pool.submit(timed, job.work.call, job.input(i)));
  for (auto& future : futures) job.outcomes.push_back(future.get());
  job.stop_clock();
}

/// What of a task went to its worker, without what it was handed, and back; what the pool adds is not known here.
std::uint64_t shipped_bytes(const assignment& job, const task_outcome& done) {
  constexpr std::size_t fixed = sizeof done.start_ns + sizeof done.end_ns + sizeof done.worker;
  return job.spec.size() + fixed + done.value.type.size() + done.value.value.size() + done.value.data.size();
}

/// In a worker. By name, since the functions may have other addresses there.
task_outcome timed_by_name(const std::string& spec, task_input input) {
  return timed(parse_builtin(spec)->work->call, std::move(input));
}

void run_processes(assignment& job) {
  job.shipped_bytes = 0;
  for (const bytes& handed : job.data) *job.shipped_bytes += handed.size();
  fanout::process_pool pool(job.workers);
  std::vector<fanout::future<task_outcome>> futures;
  for (unsigned i = 0; i < job.tasks; ++i) futures.push_back(pool.submit(timed_by_name, job.spec, job.input(i)));
  for (auto& future : futures) {
    try {
      job.outcomes.push_back(future.get());
    } catch (const std::exception& error) {  // its process died: the others may well have succeeded
      job.outcomes.push_back({.start_ns = 0, .end_ns = 0, .value = {}, .error = error.what()});
    }
  }
  job.stop_clock();
  for (const task_outcome& done : job.outcomes) *job.shipped_bytes += shipped_bytes(job, done);
}

nlohmann::json report_on(const task_outcome& done, assignment& job) {
  if (!done.error.empty()) return {{"ok", false}, {"error", done.error}};
  const lab::meter& clock = job.clock;
  nlohmann::json report = {{"start_s", clock.seconds_since_start(done.start_ns)},
                           {"end_s", clock.seconds_since_start(done.end_ns)},
                           {"ok", true},
                           {"type", done.value.type},
                           {"value", nullptr},
                           {"worker", job.used_by.place_of(done.worker)}};
  if (done.value.type != "none")
    report["value"] = job.work.value_of ? job.work.value_of(done.value.data) : done.value.value;
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
  const bool traced = lab::is_asked_for_trace();
  lab::meter clock;
  assignment work{.spec = std::string(job.spec),
                  .work = *spec.work,
                  .amount = spec.amount,
                  .tasks = job.tasks,
                  .workers = job.workers,
                  .data = {},
                  .clock = clock,
                  .outcomes = {}};
  work.outcomes.reserve(job.tasks);
  for (unsigned i = 0; spec.work->input && i < job.tasks; ++i) work.data.push_back(spec.work->input(spec.amount, i));
  lab::prepare_this_worker();                       // which it is under serial and async
  if (under.run == run_serial) lab::this_worker();  // its first task begins with the clock
  clock.start();
  under.run(work);
  nlohmann::json record = clock.finish();
  for (const task_outcome& done : work.outcomes) record["tasks"].push_back(report_on(done, work));
  record["workers"] = work.used_by.costs();
  if (work.max_lag_s) record["loop"] = {{"max_lag_s", *work.max_lag_s}};
  if (work.shipped_bytes) record["shipped_bytes"] = *work.shipped_bytes;
  if (traced) record["trace"] = {{"started_ns", clock.started_ns()}, {"workers", work.used_by.identities()}};
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
