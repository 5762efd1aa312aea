// SPDX-License-Identifier: Apache-2.0
// The format: "Trace Event Format", by Google. Slices (X) of one track must nest; what overlaps is begun (b) and ended
// (e) by its id; counters (C) hold until their next value; M names processes and tracks. Times are in microseconds.
#include "lab/trace.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <tuple>
#include <utility>

namespace lab {

namespace {

using json = nlohmann::ordered_json;

constexpr int most_tracks = 10'000;
constexpr std::size_t most_tasks = 1'000'000;

struct span {
  std::int64_t begin_ns, end_ns;  // since the clock of the run started
};

std::int64_t nanoseconds(double seconds) { return std::llround(1e9 * seconds); }
double microseconds(std::int64_t ns) { return static_cast<double>(ns) / 1e3; }

bool overlap(std::vector<span> spans) {
  std::ranges::sort(spans, {}, &span::begin_ns);
  for (std::size_t i = 1; i < spans.size(); ++i)
    if (spans[i].begin_ns < spans[i - 1].end_ns) return true;
  return false;
}

/// When a thread was related to the lock like this. `changes` are its own; nothing is known after `end_ns`.
std::vector<span> spans_of(gil_change::relation wanted, const std::vector<gil_change>& changes, std::int64_t started_ns,
                           std::int64_t end_ns) {
  using enum gil_change::relation;
  std::vector<span> spans;
  auto now = changes.front().now == neither ? holds : neither;  // it gives away what it had before anyone looked
  std::int64_t since_ns = 0;
  auto until = [&](std::int64_t at_ns) {
    const span found{std::max<std::int64_t>(since_ns, 0), std::min(at_ns, end_ns)};
    if (now == wanted && found.begin_ns < found.end_ns) spans.push_back(found);
  };
  for (const gil_change& change : changes) {
    if (change.now == now) continue;  // a wait goes on after a time-out
    const std::int64_t at_ns = change.at_ns - started_ns;
    until(at_ns);
    now = change.now;
    since_ns = at_ns;
  }
  until(end_ns);
  return spans;
}

/// One run as events.
class painter {
 public:
  painter(const timeline& watched, int process) : watched_(watched), run_(watched.run), process_(process) {}

  void paint(std::vector<json>& names, std::vector<json>& events);

 private:
  struct track {
    int number;
    std::string name;
  };

  void add_name(const char* what, std::optional<int> of_track, json args);
  void name_process();
  track add_track(std::string name);
  void slice(const track& on, const span& when, std::string name, const char* category);
  void asynchronous(const track& on, const span& when, std::size_t task);
  void paint_worker(std::size_t worker, const track& on);
  void paint_lock(const track& lock);
  void paint_load();
  std::string name_of(std::size_t worker) const;
  json event(const char* kind, std::string name, std::int64_t at_ns) const;
  std::int64_t end_ns() const { return nanoseconds(run_.wall_s); }

  const timeline& watched_;
  const run_record& run_;
  int process_, tracks_ = 0;
  std::map<pid_t, track> track_of_;  // by thread
  std::vector<json> names_, events_;
};

void painter::paint(std::vector<json>& names, std::vector<json>& events) {
  name_process();
  std::optional<track> lock;
  if (!watched_.gil.empty()) lock = add_track("who holds the GIL");
  for (std::size_t worker = 0; worker < watched_.workers.size(); ++worker) {
    const track on = add_track(name_of(worker));
    track_of_.emplace(watched_.workers[worker].thread, on);
    paint_worker(worker, on);
  }
  if (lock) paint_lock(*lock);
  paint_load();
  std::ranges::move(names_, std::back_inserter(names));
  std::ranges::move(events_, std::back_inserter(events));
}

json painter::event(const char* kind, std::string name, std::int64_t at_ns) const {
  return {{"name", std::move(name)}, {"ph", kind}, {"pid", process_}, {"ts", microseconds(at_ns)}};
}

void painter::add_name(const char* what, std::optional<int> of_track, json args) {
  json one = {{"name", what}, {"ph", "M"}, {"pid", process_}};
  if (of_track) one["tid"] = *of_track;
  one["args"] = std::move(args);
  names_.push_back(std::move(one));
}

void painter::name_process() {
  add_name("process_name", {}, {{"name", watched_.name}});
  add_name("process_sort_index", {}, {{"sort_index", process_}});
}

painter::track painter::add_track(std::string name) {
  const int number = process_ * most_tracks + ++tracks_;  // Perfetto knows a track's name by its number alone
  add_name("thread_name", number, {{"name", name}});
  add_name("thread_sort_index", number, {{"sort_index", number}});
  return {number, std::move(name)};
}

void painter::slice(const track& on, const span& when, std::string name, const char* category) {
  json one = event("X", std::move(name), when.begin_ns);
  one.update({{"dur", microseconds(when.end_ns - when.begin_ns)}, {"tid", on.number}, {"cat", category}});
  events_.push_back(std::move(one));
}

void painter::asynchronous(const track& on, const span& when, std::size_t task) {
  const std::size_t id = static_cast<std::size_t>(process_) * most_tasks + task;  // in the whole trace
  for (const auto& [kind, at_ns] : {std::pair("b", when.begin_ns), std::pair("e", when.end_ns)}) {
    json one = event(kind, fmt::format("task {}", task), at_ns);
    one.update({{"tid", on.number}, {"cat", "task"}, {"id", id}});
    events_.push_back(std::move(one));
  }
}

void painter::paint_worker(std::size_t worker, const track& on) {
  std::vector<std::pair<std::size_t, span>> tasks;
  std::vector<span> spans;
  for (std::size_t number = 0; number < run_.tasks.size(); ++number) {
    const task_report& task = run_.tasks[number];
    if (task.worker != worker) continue;
    spans.push_back({nanoseconds(task.start_s), nanoseconds(task.end_s)});
    tasks.emplace_back(number, spans.back());
  }
  if (spans.empty()) return;
  const std::int64_t first_ns = std::ranges::min(spans, {}, &span::begin_ns).begin_ns;
  if (first_ns > 0) slice(on, {0, first_ns}, "set-up", "set-up");
  const bool at_once = overlap(std::move(spans));
  for (const auto& [number, when] : tasks) {
    if (at_once)
      asynchronous(on, when, number);
    else
      slice(on, when, fmt::format("task {}", number), "task");
  }
}

void painter::paint_lock(const track& lock) {
  using enum gil_change::relation;
  std::map<pid_t, std::vector<gil_change>> by_thread;
  std::int64_t known_ns = end_ns();
  if (watched_.gil_lost > 0)
    known_ns = std::ranges::max(watched_.gil, {}, &gil_change::at_ns).at_ns - watched_.started_ns;
  for (const gil_change& change : watched_.gil) by_thread[change.thread].push_back(change);
  for (const auto& [thread, changes] : by_thread) {
    const auto waiting = spans_of(waits, changes, watched_.started_ns, known_ns);
    const auto holding = spans_of(holds, changes, watched_.started_ns, known_ns);
    if (waiting.empty() && holding.empty()) continue;  // before the start, or after the end
    if (!track_of_.contains(thread))
      track_of_.emplace(
          thread, add_track(thread == watched_.host ? "main thread" : fmt::format("another thread ({})", thread)));
    const track& own = track_of_.at(thread);
    for (const span& when : waiting) slice(own, when, "waits for the GIL", "gil");
    for (const span& when : holding) slice(lock, when, own.name, "gil");
  }
}

void painter::paint_load() {
  auto count = [&](const char* name, const char* what, std::int64_t at_ns, double value) {
    json one = event("C", name, at_ns);
    one["args"] = {{what, value}};
    events_.push_back(std::move(one));
  };
  auto both = [&](std::int64_t at_ns, double computing, double waiting) {
    count("CPUs", "in use", at_ns, computing);
    count("threads", "that wait for a CPU", at_ns, waiting);
  };
  std::int64_t last_ns = -1;
  for (std::size_t i = 1; i < watched_.load.size(); ++i) {
    const load_sample &from = watched_.load[i - 1], &to = watched_.load[i];
    const span when{from.at_ns - watched_.started_ns, to.at_ns - watched_.started_ns};
    if (when.end_ns <= 0 || when.begin_ns >= end_ns()) continue;
    const double took_s = 1e-9 * static_cast<double>(when.end_ns - when.begin_ns);
    const auto mean = [&](double seconds) { return std::round(1e3 * seconds / took_s) / 1e3; };
    both(std::max<std::int64_t>(when.begin_ns, 0), mean(to.cpu_s - from.cpu_s), mean(to.runq_s - from.runq_s));
    last_ns = std::min(when.end_ns, end_ns());
  }
  if (last_ns >= 0) both(last_ns, 0, 0);
}

std::string painter::name_of(std::size_t worker) const {
  const auto [process, thread] = watched_.workers[worker];
  if (thread == watched_.host) return "main thread";
  return process == watched_.host ? fmt::format("worker {} (thread {})", worker + 1, thread)
                                  : fmt::format("worker {} (process {})", worker + 1, process);
}

/// By time; whatever contains others comes before them.
std::vector<json> in_order(std::vector<json> events) {
  std::vector<std::tuple<double, double, std::size_t>> keys;
  for (std::size_t i = 0; i < events.size(); ++i)
    keys.emplace_back(events[i].at("ts").get<double>(), -events[i].value("dur", 0.0), i);
  std::ranges::sort(keys);
  std::vector<json> sorted;
  for (const auto& key : keys) sorted.push_back(std::move(events[std::get<2>(key)]));
  return sorted;
}

}  // namespace

void read_trace(std::string_view line, timeline& watched) {
  const json host = json::parse(line);
  const json& trace = host.at("trace");
  watched.started_ns = trace.at("started_ns");
  for (const json& worker : trace.at("workers")) watched.workers.push_back({worker.at("process"), worker.at("thread")});
  watched.gil_lost = trace.value("gil_lost", std::uint64_t{0});
  for (const json& change : trace.value("gil", json::array())) {
    const int relation = change.at(1);
    if (relation < 0 || relation > 2) throw std::runtime_error("a thread is related to the GIL in an unknown way");
    watched.gil.push_back({change.at(0), static_cast<gil_change::relation>(relation), change.at(2)});
  }
}

nlohmann::ordered_json to_trace(const std::vector<timeline>& runs, const nlohmann::json& about) {
  std::vector<json> names, events;
  for (std::size_t i = 0; i < runs.size(); ++i) painter(runs[i], static_cast<int>(i) + 1).paint(names, events);
  std::ranges::move(in_order(std::move(events)), std::back_inserter(names));
  return {{"displayTimeUnit", "ms"}, {"otherData", about}, {"traceEvents", std::move(names)}};
}

}  // namespace lab
