// SPDX-License-Identifier: Apache-2.0
// One function each. A rule that lacks a fact does not hold; thresholds stand where they are used.
#include "lab/rules.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <optional>

#include "lab/format.hpp"
#include "lab/sentences.hpp"

namespace lab {

namespace {

using names = std::vector<std::string>;
using json = nlohmann::ordered_json;
using verdict_of_rule = std::optional<finding>;

std::string few_percent(double share) { return share < 0.005 ? "less than 1 %" : percent(share); }

// --- what the work is

verdict_of_rule cpu_bound(const facts& all) {
  if (!all.alone || *all.alone < 0.9) return {};
  return finding{"cpu_bound",
                 {"serial"},
                 fmt::format("the work is CPU-bound: run alone, it computes for {} of its time", percent(*all.alone)),
                 {{"cpu_share", *all.alone}}};
}

verdict_of_rule waits(const facts& all) {
  if (!all.alone || *all.alone > 0.1) return {};
  return finding{"waits",
                 {"serial"},
                 fmt::format("the work waits: run alone, it computes for {} of its time", few_percent(*all.alone)),
                 {{"cpu_share", *all.alone}}};
}

verdict_of_rule mixed(const facts& all) {
  if (!all.alone || *all.alone <= 0.1 || *all.alone >= 0.9) return {};
  return finding{"mixed",
                 {"serial"},
                 fmt::format("the work is mixed: run alone, it computes for {} of its time and waits for the rest",
                             percent(*all.alone)),
                 {{"cpu_share", *all.alone}}};
}

// --- what becomes of it under a model

std::optional<double> speedup_of_processes(const facts& all) {
  const model_summary* processes = all.first_of(model_kind::processes);
  return processes != nullptr ? processes->speedup_vs_serial : std::nullopt;
}

/// Threads that are as slow as one after another, though nobody keeps a CPU from them.
bool threads_stand_still(const facts& all) {
  const model_summary* threads = all.first_of(model_kind::threads);
  if (threads == nullptr) return false;
  const auto faster = threads->speedup_vs_serial, processes = speedup_of_processes(all);
  return threads->time && faster && *faster < no_gain && all.at_once() >= 2 && threads->cores.value_or(0) <= 1.25 &&
         threads->time->share(threads->time->runq_s) < notable && (processes ? *processes > gain : all.computes());
}

std::string while_processes(const facts& all) {
  const auto processes = speedup_of_processes(all);
  return processes ? fmt::format("; processes reach {}", times(*processes)) : "";
}

/// How often the threads of a run waited for the lock, and how long each time: in the middle of all runs. Nothing where
/// that was not measured.
struct lock_waits {
  double count, each_s;
};
std::optional<lock_waits> waits_for_gil(const facts& all, const std::string& model) {
  std::vector<double> counts, each_s;
  for (const run_record& run : all.experiment.runs) {
    if (run.model != model || !run.gil || run.gil->waits == 0) continue;
    counts.push_back(static_cast<double>(run.gil->waits));
    each_s.push_back(run.gil->wait_s / counts.back());
  }
  if (counts.empty()) return {};
  return lock_waits{median(counts), median(each_s)};
}

/// The lock of the interpreter: measured, or else what threads were blocked for, which alone they are not.
verdict_of_rule gil(const facts& all) {
  if (!all.python || !all.computes() || !threads_stand_still(all)) return {};
  const model_summary& threads = *all.first_of(model_kind::threads);
  const decomposition& time = *threads.time;
  const double waited = time.share(time.gil_inseparable ? time.blocked_s : time.gil_s);
  if (waited < notable) return {};
  const std::string evidence =
      time.gil_inseparable
          ? fmt::format(
                "threads were blocked for {} of their workers' time, which the same tasks are not when they run "
                "alone, and kept {:.2f} of {} busy",
                percent(waited), threads.cores.value_or(0), counted(all.cpus, "CPU"))
          : fmt::format("threads waited for it for {} of their workers' time", percent(waited));
  json shown = {{time.gil_inseparable ? "blocked_share" : "gil_share", waited},
                {"separable", !time.gil_inseparable},
                {"cores", threads.cores.value_or(0)},
                {"speedup", *threads.speedup_vs_serial}};
  std::string how_often;
  if (const auto waits = waits_for_gil(all, threads.model); waits && !time.gil_inseparable) {
    how_often = fmt::format(" ({} waits of {})", std::lround(waits->count), format_seconds(waits->each_s));
    shown["waits"] = waits->count;
    shown["each_wait_s"] = waits->each_s;
  }
  return finding{"gil",
                 {threads.model},
                 fmt::format("the GIL serialises it: {}{}{}", evidence, how_often, while_processes(all)),
                 shown};
}

/// Threads that compute at the same time, on a busy machine perhaps in turns, and do not wait for the GIL: it was
/// measured.
bool nobody_waits_for_gil(const facts& all, const model_summary& threads) {
  const auto measured = [](const run_record& run) {
    return run.model != "threads" || (run.gil && run.gil->unavailable.empty());
  };
  if (!threads.time || !std::ranges::all_of(all.experiment.runs, measured)) return false;
  const decomposition& time = *threads.time;
  const double at_once = time.share(time.tasks_s) * std::min(all.experiment.workers, all.experiment.tasks);
  return at_once >= 1.5 && time.gil_s < 0.02 * time.cpu_s;
}

verdict_of_rule releases_gil(const facts& all) {
  const model_summary* threads = all.first_of(model_kind::threads);
  if (!all.python || !all.alone || *all.alone < 0.9 || all.at_once() < 2 || threads == nullptr) return {};
  const double cores = threads->cores.value_or(0), faster = threads->speedup_vs_serial.value_or(0);
  // Who holds the GIL keeps one core busy, however the machine is loaded.
  if ((cores < 1.3 || faster < gain) && !nobody_waits_for_gil(all, *threads)) return {};
  json evidence = {{"cores", cores}, {"speedup", faster}};
  std::string waited;
  if (threads->time && !threads->time->gil_inseparable) {
    const double share = threads->time->share(threads->time->gil_s);
    evidence["gil_share"] = share;
    waited = fmt::format(", waited for it for {} of their workers' time", few_percent(share));
  }
  return finding{
      "releases_gil",
      {threads->model},
      fmt::format("it releases the GIL while it computes, as C extensions can (or this interpreter has none): "
                  "threads kept {:.2f} of {} busy{}, and are {} times as fast as serial",
                  cores, counted(all.cpus, "CPU"), waited, format_factor(faster)),
      evidence};
}

verdict_of_rule lock(const facts& all) {
  if (all.python || !threads_stand_still(all)) return {};
  const model_summary& threads = *all.first_of(model_kind::threads);
  const double blocked = threads.time->share(threads.time->blocked_s);
  if (blocked < notable) return {};
  return finding{
      "lock",
      {threads.model},
      fmt::format("a lock, or something else that only one can have, serialises it: threads were blocked for {} "
                  "of their workers' time and kept {:.2f} of {} busy{}",
                  percent(blocked), threads.cores.value_or(0), counted(all.cpus, "CPU"), while_processes(all)),
      {{"blocked_share", blocked}, {"cores", threads.cores.value_or(0)}, {"speedup", *threads.speedup_vs_serial}}};
}

/// Everyone computes all the time, and each task takes more computing than alone.
verdict_of_rule memory_bandwidth(const facts& all) {
  const model_summary *serial = all.model("serial"), *threads = all.first_of(model_kind::threads);
  if (!all.alone || *all.alone < 0.9 || threads == nullptr || !threads->time || all.at_once() < 2) return {};
  const auto alone = all.task_cpu_s(*serial), together = all.task_cpu_s(*threads);
  const decomposition& time = *threads->time;
  const double waited = time.share(time.blocked_s + time.gil_s + time.runq_s);
  if (!alone || !together || *alone < 1e-3 || *together < 1.3 * *alone || waited > 0.15) return {};
  if (!threads->speedup_vs_serial || *threads->speedup_vs_serial > 0.8 * all.at_once()) return {};
  return finding{
      "memory_bandwidth",
      {threads->model},
      fmt::format("the CPUs share what it needs (memory bandwidth, caches, a core): a task takes {} times the CPU "
                  "time under threads that it takes alone, though nobody waits",
                  format_factor(*together / *alone)),
      {{"task_cpu_ratio", *together / *alone}, {"waiting_share", waited}}};
}

verdict_of_rule blocks_loop(const facts& all) {
  const model_summary* async = all.first_of(model_kind::loop);
  if (async == nullptr || !async->max_lag_s || all.experiment.tasks < 2) return {};
  const double task_s = median(all.task_times(async->model)), lag_s = *async->max_lag_s;
  const bool gains = async->speedup_vs_serial ? *async->speedup_vs_serial >= no_gain : all.all_at_once(async->model);
  if (gains || lag_s < 1e-3 || lag_s < 0.5 * task_s) return {};
  return finding{
      "blocks_loop",
      {async->model},
      fmt::format("{}: nothing else ran for up to {}{}",
                  all.computes() ? "computing blocks the event loop" : "a blocking call blocks the event loop",
                  format_seconds(lag_s),
                  all.computes() ? "" : "; await something that does not block, or hand it to a thread"),
      {{"max_lag_s", lag_s}, {"task_s", task_s}}};
}

/// How much of its tasks' time a model computed; nothing if that is not known.
std::optional<double> computing_share(const model_summary& model) {
  if (!model.time || !(model.time->tasks_s > 0)) return std::nullopt;
  return model.time->cpu_s / model.time->tasks_s;
}

/// All tasks wait at the same time, and each has a thread: coroutines take less memory, or are under way earlier.
verdict_of_rule cheap_waits(const facts& all) {
  const model_summary *async = all.model("async"), *threads = all.model("threads");
  if (async == nullptr || threads == nullptr || all.experiment.workers < all.experiment.tasks) return {};
  const auto share = all.alone ? all.alone : computing_share(*threads);
  if (!share || *share > 0.1) return {};
  if (!all.all_at_once("async")) return {};  // something blocks the loop
  const double begun_async = all.all_begun_s("async"), begun_threads = all.all_begun_s("threads");
  const bool smaller = threads->peak_bytes > gain * async->peak_bytes;
  const bool earlier = begun_threads > gain * begun_async && begun_threads - begun_async > 1e-3;
  if (!smaller && !earlier) return {};
  return finding{
      "cheap_waits",
      {"async", "threads"},
      fmt::format("{} that wait at the same time cost coroutines {} and {} until all were under way, "
                  "threads {} and {}",
                  counted(all.experiment.tasks, "task"), format_bytes(async->peak_bytes), format_seconds(begun_async),
                  format_bytes(threads->peak_bytes), format_seconds(begun_threads)),
      {{"async", {{"peak_bytes", async->peak_bytes}, {"all_begun_s", begun_async}}},
       {"threads", {{"peak_bytes", threads->peak_bytes}, {"all_begun_s", begun_threads}}}}};
}

verdict_of_rule more_workers_than_cpus(const facts& all) {
  const unsigned busy = std::min(all.experiment.workers, all.experiment.tasks);
  if (busy <= all.cpus || !all.computes()) return {};
  for (const model_summary* pool : all.pools()) {
    if (!pool->time) continue;
    const double waited = pool->time->share(pool->time->runq_s);
    if (waited < notable) continue;
    return finding{
        "more_workers_than_cpus",
        {pool->model},
        fmt::format("there are more workers that compute ({}) than CPUs ({}): under {} they waited for a CPU for "
                    "{} of their time",
                    busy, all.cpus, pool->model, percent(waited)),
        {{"workers", busy}, {"cpus", all.cpus}, {"run_queue_share", waited}}};
  }
  return {};
}

verdict_of_rule one_cpu(const facts& all) {
  if (all.cpus != 1 || !all.alone || *all.alone <= 0.1) return {};
  return finding{"one_cpu", {}, "only one CPU can be used here: no model can speed up computing", {{"cpus", 1}}};
}

/// Per task, what is neither set-up nor a task: handing it out, and its result back.
std::optional<double> hand_over_s(const facts& all, const model_summary& pool) {
  const std::size_t count = all.task_times(pool.model).size();
  if (!pool.time || count == 0) return std::nullopt;
  return std::max(0.0, pool.time->workers_s - pool.time->setup_s - pool.time->tasks_s) / static_cast<double>(count);
}

verdict_of_rule shipping(const facts& all) {
  const model_summary *processes = all.first_of(model_kind::processes), *threads = all.first_of(model_kind::threads);
  if (processes == nullptr || !processes->time || !processes->shipped_bytes) return {};
  constexpr double least_bytes = 1e6, least_bytes_per_task = 10e3;
  const double bytes = *processes->shipped_bytes, per_task = bytes / all.experiment.tasks;
  const decomposition& time = *processes->time;
  const double elsewhere = time.share(time.workers_s - time.tasks_s);  // set-up too: the first arguments travel then
  const model_summary* other = threads != nullptr ? threads : all.model("serial");
  const bool slower = other != nullptr && processes->median_s > 1.1 * other->median_s;
  if (bytes < least_bytes || per_task < least_bytes_per_task || elsewhere < 0.5 || !slower) return {};
  return finding{
      "shipping",
      {processes->model},
      fmt::format("moving data costs more than computing: {} went between processes, and for {} of their time "
                  "workers had no task",
                  format_bytes(bytes), percent(elsewhere)),
      {{"shipped_bytes", bytes}, {"bytes_per_task", per_task}, {"without_task_share", elsewhere}}};
}

verdict_of_rule start_up(const facts& all) {
  names models;
  json evidence = json::object();
  names texts;
  for (const model_summary* pool : all.pools()) {
    if (pool->setup_s < 0.3 * pool->median_s || pool->setup_s < 20e-6) continue;
    const std::string& name = pool->model;
    if (is_of(model_kind::threads, name) && pool->setup_s < 1e-3) continue;  // of tiny tasks: another rule's
    models.push_back(name);
    evidence[name] = {{"setup_s", pool->setup_s}, {"setup_share", pool->setup_s / pool->median_s}};
    texts.push_back(fmt::format("{} {} ({} of it all)", name, format_seconds(pool->setup_s),
                                percent(pool->setup_s / pool->median_s)));
  }
  if (models.empty()) return {};
  return finding{
      "start_up", models,
      fmt::format("starting workers eats what they gain: it took {}; bigger tasks, or a pool that is kept, make "
                  "it pay",
                  format_list(texts)),
      evidence};
}

verdict_of_rule tiny_tasks(const facts& all) {
  const std::vector<double> alone = all.task_times("serial");
  if (alone.empty()) return {};
  const double task_s = std::accumulate(alone.begin(), alone.end(), 0.0) / static_cast<double>(alone.size());
  if (task_s > 200e-6) return {};
  names models, texts;
  json evidence = {{"task_s", task_s}};
  for (const model_summary* pool : all.pools()) {
    const std::string& name = pool->model;
    const auto cost_s = hand_over_s(all, *pool);
    if (!cost_s || *cost_s < task_s) continue;
    models.push_back(name);
    evidence[name] = {{"hand_over_s", *cost_s}};
    texts.push_back(fmt::format("{} under {}", format_seconds(*cost_s), name));
  }
  if (models.empty()) return {};
  return finding{
      "tiny_tasks", models,
      fmt::format("the tasks are tiny: one takes {}, but handing it over takes a worker {}; give each more to do",
                  format_seconds(task_s), format_list(texts)),
      evidence};
}

verdict_of_rule long_task(const facts& all) {
  const std::vector<double> serial = all.task_times("serial");
  const unsigned tasks = all.experiment.tasks;
  if (tasks < 2 || serial.empty()) return {};
  const double longest = all.longest_task_s("serial");
  const double rounds = static_cast<double>(serial.size()) / tasks;
  const double others =
      (std::accumulate(serial.begin(), serial.end(), 0.0) / rounds - longest) / static_cast<double>(tasks - 1);
  if (longest < 2 * others) return {};
  for (const model_summary* pool : all.pools()) {
    const std::string& name = pool->model;
    if (!pool->time) continue;
    const double working = pool->median_s - pool->setup_s, idle = pool->time->share(pool->time->idle_s);
    if (all.longest_task_s(name) < 0.7 * working || idle < 0.1) continue;
    return finding{
        "long_task",
        {name},
        fmt::format("one long task dominates: it takes {}, the others {} on average, and while it ran workers of "
                    "{} had nothing to do for {} of their time; split it",
                    format_seconds(longest), format_seconds(others), name, percent(idle)),
        {{"longest_s", longest}, {"others_mean_s", others}, {"idle_share", idle}}};
  }
  return {};
}

verdict_of_rule too_few_tasks(const facts& all) {
  const unsigned tasks = all.experiment.tasks;
  if (!all.alone || (tasks > 1 && (tasks >= all.cpus || *all.alone <= 0.1))) return {};
  return finding{"too_few_tasks",
                 {},
                 tasks == 1 ? "there is one task: nothing can run beside it"
                            : fmt::format("there are fewer tasks ({}) than CPUs ({})", tasks, all.cpus),
                 {{"tasks", tasks}, {"cpus", all.cpus}}};
}

verdict_of_rule results_differ(const facts& all) {
  if (!all.found.values_differ()) return {};
  return finding{"results_differ",
                 {},
                 "the models' results differ, so comparing their speed means nothing",
                 {{"results", all.found.values.size()}}};
}

// --- cautions

verdict_of_rule disturbed(const facts& all) {
  const std::string text = disturbance_in_words(all.experiment);
  if (text.empty()) return {};
  json rounds = json::array();
  for (std::size_t i = 0; i < all.experiment.conditions.size(); ++i)
    if (all.experiment.conditions[i].disturbed()) rounds.push_back(i + 1);
  return finding{"disturbed", {}, text, {{"rounds", rounds}}};
}

/// No more workers than CPUs, and they waited for one all the same.
verdict_of_rule busy_machine(const facts& all) {
  for (const model_summary& model : all.found.models) {
    const unsigned busy = is_pool(model.model) ? std::min(all.experiment.workers, all.experiment.tasks) : 1;
    if (!model.time || busy > all.cpus) continue;
    const double waited = model.time->share(model.time->runq_s);
    if (waited < 0.1) continue;
    return finding{
        "busy_machine",
        {model.model},
        fmt::format("{} waited for a CPU for {} of its workers' time, though it has no more workers than there "
                    "are CPUs: other programs took them",
                    model.model, percent(waited)),
        {{"run_queue_share", waited}}};
  }
  return {};
}

verdict_of_rule memory_not_sampled(const facts& all) {
  names models;
  for (const model_summary& model : all.found.models)
    for (const run_record& run : all.experiment.runs)
      if (run.model == model.model && run.pss_samples == 0) {
        models.push_back(model.model);
        break;
      }
  const auto has_processes = [](const std::string& model) { return is_of(model_kind::processes, model); };
  if (std::ranges::none_of(models, has_processes)) return {};
  return finding{
      "memory_not_sampled", models,
      fmt::format("runs of {} were too short to look at the memory of all processes: what is shown is that of "
                  "the first one",
                  format_list(models)),
      json::object()};
}

verdict_of_rule does_not_add_up(const facts& all) {
  for (const model_summary& model : all.found.models) {
    if (!model.time) continue;
    const double error = model.time->share(model.time->closure_error_s);
    if (std::abs(error) < 0.05) continue;
    return finding{
        "does_not_add_up",
        {model.model},
        fmt::format("the shares of {} do not add up: {:+.1f} % of its workers' time {}", model.model, 100 * error,
                    error > 0 ? "is in none of them, taken by a hypervisor for one"
                              : "is in two of them, as where tasks have threads of their own"),
        {{"closure_error_share", error}}};
  }
  return {};
}

template <std::size_t N>
std::vector<finding> all_that_hold(const facts& all, verdict_of_rule (*const (&rules)[N])(const facts&)) {
  std::vector<finding> held;
  for (const auto rule : rules)
    if (auto one = rule(all)) held.push_back(std::move(*one));
  return held;
}

}  // namespace

std::vector<finding> why_of(const facts& all) {
  if (auto one = results_differ(all)) return {std::move(*one)};
  return all_that_hold(
      all, {cpu_bound, waits, mixed, one_cpu, gil, releases_gil, lock, memory_bandwidth, blocks_loop, cheap_waits,
            more_workers_than_cpus, shipping, start_up, tiny_tasks, long_task, too_few_tasks});
}

std::vector<finding> cautions_of(const facts& all) {
  return all_that_hold(all, {disturbed, busy_machine, memory_not_sampled, does_not_add_up});
}

}  // namespace lab
