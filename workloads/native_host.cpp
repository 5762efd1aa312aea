// SPDX-License-Identifier: Apache-2.0
// One runner per model. Each makes what its model needs, runs the tasks, stops the clock at the last result; whatever
// it made is gone when it returns.
#include "workloads/native_host.hpp"

#include <sys/prctl.h>
#include <sys/resource.h>

#include <chrono>
#include <cmath>
#include <cstdlib>
#include <exception>
#include <fanout/event_loop.hpp>
#include <fanout/gather.hpp>
#include <fanout/process_pool.hpp>
#include <fanout/sleep.hpp>
#include <fanout/spawn.hpp>
#include <fanout/thread_pool.hpp>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>

#include "lab/host_record.hpp"
#include "lab/meter.hpp"
#include "lab/worker_meter.hpp"
#include "lab/workload.hpp"
#include "workloads/lanes.hpp"

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
  const native_spec& spec;
  native_work& work;
  unsigned tasks, workers;
  std::vector<bytes> data;  // what each task is handed
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

  task_input input(unsigned number) { return {.number = number, .data = std::move(data[number])}; }
};

task_outcome begin_task() {
  const lab::worker_start& worker = lab::this_worker();
  return {.start_ns = lab::now_ns(), .end_ns = 0, .value = {}, .worker = worker};
}

/// The task itself, wherever it runs.
task_outcome timed(native_work& work, task_input input) {
  task_outcome done = begin_task();
  try {
    done.value = work.call(std::move(input));
  } catch (const std::exception& error) {
    done.error = error.what();
  }
  done.end_ns = lab::now_ns();
  return done;
}

void run_serial(assignment& job) {
  for (unsigned i = 0; i < job.tasks; ++i) job.outcomes.push_back(timed(job.work, job.input(i)));
  job.stop_clock();
}

fanout::task<task_outcome> timed_async(native_work& work, task_input input) {
  task_outcome done = begin_task();
  try {
    done.value = co_await work.call_async(std::move(input));
  } catch (const std::exception& error) {
    done.error = error.what();
  }
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

  /// Woken when it was due, or late; how long it is to sleep now.
  std::chrono::nanoseconds woken() {
    look();
    const std::int64_t now_ns = lab::now_ns();
    due_ns = now_ns + std::max<std::int64_t>(10'000'000, (now_ns - began_ns) / 4);
    return std::chrono::nanoseconds(due_ns - now_ns);
  }

  fanout::task<> beat() {
    for (std::chrono::nanoseconds pause(due_ns - lab::now_ns());; pause = woken()) co_await fanout::sleep(pause);
  }
};

fanout::task<std::vector<task_outcome>> with_heartbeat(std::vector<fanout::task<task_outcome>> tasks,
                                                       heartbeat& heart) {
  const auto beating = fanout::spawn(heart.beat());
  auto outcomes = co_await fanout::gather(std::move(tasks));
  heart.look();
  co_return outcomes;
}

/// What is told of a loop that is not ours becomes outcomes as of our own.
class others_loop final : public loop_observer {
 public:
  others_loop(assignment& job, heartbeat& heart) : job_(job), heart_(heart) {
    job_.outcomes.resize(job.tasks);
    for (task_outcome& never : job_.outcomes) never.error = "the task has not ended";
  }

  void started(unsigned number) override {
    std::string error = std::move(job_.outcomes[number].error);
    job_.outcomes[number] = begin_task();
    job_.outcomes[number].error = std::move(error);
  }
  void ended(unsigned number, task_value value) override {
    job_.outcomes[number].end_ns = lab::now_ns();
    job_.outcomes[number].value = std::move(value);
    job_.outcomes[number].error.clear();
  }
  void failed(unsigned number, std::string error) override { job_.outcomes[number].error = std::move(error); }
  std::chrono::nanoseconds beat() override { return heart_.woken(); }

 private:
  assignment& job_;
  heartbeat& heart_;
};

void run_async(assignment& job) {
  heartbeat heart;
  if (job.work.has_own_loop()) {
    others_loop watcher(job, heart);
    job.work.run_on_own_loop(job.tasks, watcher);
    heart.look();
  } else {
    std::vector<fanout::task<task_outcome>> tasks;
    for (unsigned i = 0; i < job.tasks; ++i) tasks.push_back(timed_async(job.work, job.input(i)));
    job.outcomes = fanout::run(with_heartbeat(std::move(tasks), heart));
  }
  job.stop_clock();
  job.max_lag_s = 1e-9 * static_cast<double>(heart.max_lag_ns);
}

void run_threads(assignment& job) {
  fanout::thread_pool pool(job.workers);
  std::vector<fanout::future<task_outcome>> futures;
  for (unsigned i = 0; i < job.tasks; ++i) futures.push_back(pool.submit(timed, std::ref(job.work), job.input(i)));
  for (auto& future : futures) job.outcomes.push_back(future.get());
  job.stop_clock();
}

/// What of a task went to its worker, without what it was handed, and back; what the pool adds is not known here.
std::uint64_t shipped_bytes(const assignment& job, const task_outcome& done) {
  constexpr std::size_t fixed = sizeof done.start_ns + sizeof done.end_ns + sizeof done.worker;
  std::size_t args = 0;
  for (const std::string& text : job.spec.args) args += text.size();
  return job.spec.work.size() + args + fixed + done.value.type.size() + done.value.value.size() +
         done.value.data.size();
}

/// In a worker, which loads the work for its first task: addresses may be others there.
task_outcome timed_by_name(const native_spec& spec, task_input input) {
  static const std::unique_ptr<native_work> work = load_work(spec);
  return timed(*work, std::move(input));
}

void run_processes_by(fanout::start_method start, assignment& job) {
  job.shipped_bytes = 0;
  for (const bytes& handed : job.data) *job.shipped_bytes += handed.size();
  fanout::process_pool pool({.workers = job.workers, .start = start});
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

template <fanout::start_method start>
void run_processes(assignment& job) {
  run_processes_by(start, job);
}

nlohmann::json json_of(const task_value& returned) {
  if (returned.type == "none") return nullptr;
  if (returned.type == "bool") return returned.value == "true";
  if (returned.type == "float") {
    const double number = std::strtod(returned.value.c_str(), nullptr);
    if (std::isfinite(number)) return number;
  }
  return returned.value;
}

nlohmann::json report_on(task_outcome& done, assignment& job) {
  if (!done.error.empty()) return {{"ok", false}, {"error", done.error}};
  const lab::meter& clock = job.clock;
  job.work.finish(done.value);
  return {{"start_s", clock.seconds_since_start(done.start_ns)},
          {"end_s", clock.seconds_since_start(done.end_ns)},
          {"ok", true},
          {"type", done.value.type},
          {"value", json_of(done.value)},
          {"worker", job.used_by.place_of(done.worker)}};
}

struct model {
  std::string_view name;
  void (*run)(assignment&);
};

constexpr model models[] = {
    {"serial", run_serial},
    {"async", run_async},
    {"threads", run_threads},
    {"processes", run_processes<fanout::start_method::forkserver>},
    {"processes/spawn", run_processes<fanout::start_method::spawn>},
    {"processes/fork", run_processes<fanout::start_method::fork>},
};

nlohmann::json measured(const model& under, native_work& loaded, const host_job& job) {
  const bool traced = lab::is_asked_for_trace();
  lab::meter clock;
  assignment work{.spec = job.spec,
                  .work = loaded,
                  .tasks = job.tasks,
                  .workers = job.workers,
                  .data = {},
                  .clock = clock,
                  .outcomes = {}};
  work.outcomes.reserve(job.tasks);
  for (unsigned i = 0; i < job.tasks; ++i) work.data.push_back(loaded.input(i));
  lab::prepare_this_worker();                       // which it is under serial and async
  if (under.run == run_serial) lab::this_worker();  // its first task begins with the clock
  clock.start();
  under.run(work);
  nlohmann::json record = clock.finish();
  std::vector<children_usage> children;
  for (task_outcome& done : work.outcomes) {
    record["tasks"].push_back(report_on(done, work));
    children.push_back(done.value.children);
  }
  record["workers"] = work.used_by.costs();
  count_children(record, children);
  if (work.max_lag_s) record["loop"] = {{"max_lag_s", *work.max_lag_s}};
  if (work.shipped_bytes) record["shipped_bytes"] = *work.shipped_bytes;
  if (traced) record["trace"] = {{"started_ns", clock.started_ns()}, {"workers", work.used_by.identities()}};
  return record;
}

/// Where all tasks wait at the same time, each has a descriptor or some.
void allow_many_descriptors() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace

std::vector<std::string> native_models() {
  std::vector<std::string> names;
  for (const model& known : models) names.emplace_back(known.name);
  return names;
}

int run_native_host(const host_job& job) {
  prctl(PR_SET_NAME, "fanout");  // it was started as /proc/self/exe
  allow_many_descriptors();
  for (const model& known : models) {
    if (known.name != job.model) continue;
    try {
      const std::unique_ptr<native_work> work = load_work(job.spec);
      lab::write_host_record(measured(known, *work, job));
      return 0;
    } catch (const lab::usage_error&) {
      throw;
    } catch (const std::exception& error) {
      lab::write_host_record({{"error", error.what()}});
      return 1;
    }
  }
  throw lab::usage_error("there is no model '" + std::string(job.model) + "' for native work");
}

}  // namespace workloads
