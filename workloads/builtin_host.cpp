// SPDX-License-Identifier: Apache-2.0
// One runner per model. Each makes what its model needs, runs the tasks, stops the clock at the last result; whatever
// it made is gone when it returns.
#include "workloads/builtin_host.hpp"

#include <sys/prctl.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <exception>
#include <fanout/event_loop.hpp>
#include <fanout/gather.hpp>
#include <fanout/process_pool.hpp>
#include <fanout/thread_pool.hpp>
#include <nlohmann/json.hpp>
#include <system_error>

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
  std::vector<bytes> data;  // what each task is handed; none if that is nothing
  lab::meter& clock;
  std::vector<task_outcome> outcomes;

  task_input input(unsigned number) {
    return {.amount = amount, .number = number, .data = data.empty() ? bytes{} : std::move(data[number])};
  }
};

/// The task itself, wherever it runs.
task_outcome timed(task_value (*call)(task_input), task_input input) {
  task_outcome done{.start_ns = lab::now_ns(), .end_ns = 0, .value = {}};
  done.value = call(std::move(input));
  done.end_ns = lab::now_ns();
  return done;
}

void run_serial(assignment& job) {
  for (unsigned i = 0; i < job.tasks; ++i) job.outcomes.push_back(timed(job.work.call, job.input(i)));
  job.clock.stop_clock();
}

fanout::task<task_outcome> timed_async(fanout::task<task_value> (*call)(task_input), task_input input) {
  task_outcome done{.start_ns = lab::now_ns(), .end_ns = 0, .value = {}};
  done.value = co_await call(std::move(input));
  done.end_ns = lab::now_ns();
  co_return done;
}

void run_async(assignment& job) {
  std::vector<fanout::task<task_outcome>> tasks;
  for (unsigned i = 0; i < job.tasks; ++i) tasks.push_back(timed_async(job.work.call_async, job.input(i)));
  job.outcomes = fanout::run(fanout::gather(std::move(tasks)));
  job.clock.stop_clock();
}

void run_threads(assignment& job) {
  fanout::thread_pool pool(job.workers);
  std::vector<fanout::future<task_outcome>> futures;
  for (unsigned i = 0; i < job.tasks; ++i) futures.push_back(pool.submit(timed, job.work.call, job.input(i)));
  for (auto& future : futures) job.outcomes.push_back(future.get());
  job.clock.stop_clock();
}

/// In a worker. By name, since the functions may have other addresses there.
task_outcome timed_by_name(const std::string& spec, task_input input) {
  return timed(parse_builtin(spec)->work->call, std::move(input));
}

void run_processes(assignment& job) {
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
  job.clock.stop_clock();
}

nlohmann::json report_on(const task_outcome& done, const builtin& work, const lab::meter& clock) {
  if (!done.error.empty()) return {{"ok", false}, {"error", done.error}};
  nlohmann::json report = {{"start_s", clock.seconds_since_start(done.start_ns)},
                           {"end_s", clock.seconds_since_start(done.end_ns)},
                           {"ok", true},
                           {"type", done.value.type},
                           {"value", nullptr}};
  if (done.value.type != "none") report["value"] = work.value_of ? work.value_of(done.value.data) : done.value.value;
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
                  .data = {},
                  .clock = clock,
                  .outcomes = {}};
  work.outcomes.reserve(job.tasks);
  for (unsigned i = 0; spec.work->input && i < job.tasks; ++i) work.data.push_back(spec.work->input(spec.amount, i));
  clock.start();
  under.run(work);
  nlohmann::json record = clock.finish();
  for (const task_outcome& done : work.outcomes) record["tasks"].push_back(report_on(done, *spec.work, clock));
  return record;
}

void write_record(const nlohmann::json& record) {
  int descriptor = STDOUT_FILENO;
  if (const char* given = std::getenv("FANOUT_RECORD_FD"); given != nullptr)
    std::from_chars(given, given + std::string_view(given).size(), descriptor);
  const std::string text = record.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + '\n';
  for (std::string_view rest = text; !rest.empty();) {
    const ssize_t written = write(descriptor, rest.data(), rest.size());
    if (written < 0 && errno != EINTR)
      throw std::system_error(errno, std::generic_category(), "cannot write the record");
    rest.remove_prefix(static_cast<std::size_t>(std::max<ssize_t>(written, 0)));
  }
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
      write_record(measured(known, *spec, job));
      return 0;
    } catch (const std::exception& error) {
      write_record({{"error", error.what()}});
      return 1;
    }
  }
  throw lab::usage_error("there is no model '" + std::string(job.model) + "' for built-in workloads");
}

}  // namespace workloads
