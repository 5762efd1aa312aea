// SPDX-License-Identifier: Apache-2.0
// `fanout compare` with several numbers of tasks or workers: one comparison for each, one after another.
#include <optional>

#include "cli/compare.hpp"
#include "cli/series.hpp"

namespace cli {

namespace {

/// Those that the user named, or none: as it is without.
std::vector<std::vector<unsigned>> each_alone(const std::vector<unsigned>& numbers) {
  if (numbers.empty()) return {{}};
  std::vector<std::vector<unsigned>> all;
  for (const unsigned number : numbers) all.push_back({number});
  return all;
}

std::vector<compare_options> points_of(const compare_options& options) {
  std::vector<compare_options> points;
  for (const auto& tasks : each_alone(options.tasks))
    for (const auto& workers : each_alone(options.workers)) {
      points.push_back(options);
      points.back().tasks = tasks;
      points.back().workers = workers;
      points.back().report = point_report(options.report);
    }
  for (compare_options& point : points) point.budget_shares = static_cast<unsigned>(points.size());
  return points;
}

/// As the first of its scan, which was measured.
lab::record unbegun_point(lab::record point, unsigned tasks, unsigned workers) {
  point.tasks = tasks;
  point.workers = workers;
  point.budget_spent = false;
  point.repeats = 1;
  point.interrupted = true;
  point.order.clear();
  point.conditions.clear();
  point.warmup_runs.clear();
  point.runs.clear();
  return point;
}

}  // namespace

exit_code run_scan(const compare_options& options) {
  if (options.work.empty()) throw lab::usage_error("the notebook has fixed numbers of tasks: give WORK to scan");
  refuse_claims(options.report);
  const chosen_work chosen = choose_work(options);
  std::optional<export_file> file;
  if (!options.export_json.empty()) file.emplace(options.export_json);
  const std::vector<compare_options> points = points_of(options);
  const auto measure = [&](std::size_t i, const keep_rounds& keep) {
    return compare_work(chosen, points[i], {}, keep);
  };
  const auto unbegun = [&](std::size_t i, const lab::record& first) {
    return unbegun_point(first, tasks_of(chosen, points[i]), workers_of(chosen, points[i]));
  };
  const series all{points.size(), measure, unbegun, {}, scan_document};
  return report_scan_end(run_series(all, file ? &*file : nullptr), options.report.format);
}

exit_code resume_scan(const compare_options& options, const recorded& begun, export_file& file) {
  refuse_claims(options.report);
  const chosen_work chosen = choose_work(options_of(begun.records.front()));
  compare_options each = options;
  each.report = point_report(options.report);
  each.budget_shares = options.budget ? still_to_measure(begun) : static_cast<unsigned>(begun.records.size());
  const auto measure = [&](std::size_t i, const keep_rounds& keep) {
    const lab::record& point = begun.records[i];
    return point.interrupted ? resume_work(*chosen.work, point, each, {}, keep) : report_result(point, {}, each.report);
  };
  const auto as_it_is = [&](std::size_t i, const lab::record&) { return begun.records[i]; };
  const series all{begun.records.size(), measure, as_it_is, {}, scan_document};
  return report_scan_end(run_series(all, &file), options.report.format);
}

}  // namespace cli
