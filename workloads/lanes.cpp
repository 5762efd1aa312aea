// SPDX-License-Identifier: Apache-2.0
#include "workloads/lanes.hpp"

#include <algorithm>
#include <cstddef>
#include <map>
#include <numeric>

namespace workloads {

namespace {

/// Tasks that do not overlap.
struct lane {
  std::size_t worker;  // its place in the record
  double end_s;        // of its last task
};

/// The first lane that is free when the task starts; a new one if none is. The worker itself is its first lane.
lane& lane_for(std::vector<lane>& lanes, const nlohmann::json& task, std::size_t worker, nlohmann::json& workers) {
  const double start_s = task["start_s"];
  for (lane& known : lanes)
    if (known.end_s <= start_s) return known;
  if (!lanes.empty()) {
    nlohmann::json beside = {{"cpu_s", 0.0}, {"voluntary", workers[worker].value("voluntary", 1)}};
    if (workers[worker].contains("runq_s")) beside["runq_s"] = 0.0;
    workers.push_back(std::move(beside));
  }
  return lanes.emplace_back(lane{.worker = lanes.empty() ? worker : workers.size() - 1, .end_s = 0});
}

void add(nlohmann::json& worker, const char* key, std::int64_t ns) {
  if (worker.contains(key)) worker[key] = worker[key].get<double>() + 1e-9 * static_cast<double>(ns);
}

}  // namespace

void count_children(nlohmann::json& record, const std::vector<children_usage>& children) {
  if (std::ranges::none_of(children, &children_usage::any)) return;
  nlohmann::json &tasks = record["tasks"], &workers = record["workers"];
  std::vector<std::size_t> by_start(tasks.size());
  std::iota(by_start.begin(), by_start.end(), std::size_t{0});
  std::erase_if(by_start, [&](std::size_t i) { return !tasks[i].value("ok", false); });
  std::ranges::sort(by_start, {}, [&](std::size_t i) { return tasks[i]["start_s"].get<double>(); });
  std::map<std::size_t, std::vector<lane>> lanes_of;
  for (const std::size_t i : by_start) {
    const std::size_t worker = tasks[i]["worker"];
    lane& mine = lane_for(lanes_of[worker], tasks[i], worker, workers);
    mine.end_s = tasks[i]["end_s"];
    tasks[i]["worker"] = mine.worker;
    add(workers[mine.worker], "cpu_s", children[i].cpu_ns);
    add(workers[mine.worker], "runq_s", children[i].run_delay_ns);
  }
}

}  // namespace workloads
