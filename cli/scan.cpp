// SPDX-License-Identifier: Apache-2.0
// `fanout compare` with several numbers of tasks or workers: one comparison for each, one after another.
#include <optional>

#include "cli/compare.hpp"

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

}  // namespace

exit_code run_scan(const compare_options& options) {
  if (options.work.empty()) throw lab::usage_error("the notebook has fixed numbers of tasks: give WORK to scan");
  refuse_claims(options.report);
  const chosen_work chosen = choose_work(options);
  std::optional<export_file> file;
  if (!options.export_json.empty()) file.emplace(options.export_json);
  std::vector<comparison_outcome> outcomes;
  for (const compare_options& point : points_of(options)) outcomes.push_back(compare_work(chosen, point));
  if (file) file->write(scan_document(outcomes));
  return report_scan_end(outcomes, options.report.format);
}

}  // namespace cli
