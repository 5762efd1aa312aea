// SPDX-License-Identifier: Apache-2.0
// One comparison from plan to exit code.
#include "cli/compare.hpp"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <fanout/workers.hpp>
#include <random>

#include "cli/export_file.hpp"
#include "cli/output.hpp"
#include "lab/experiment.hpp"
#include "lab/progress.hpp"
#include "lab/terminal.hpp"
#include "lab/view.hpp"

namespace cli {

namespace {

/// Progress on stderr, and in table format the plan on stdout before the first run.
class live_view final : public lab::progress {
 public:
  explicit live_view(output_format format)
      : progress(lab::terminal::of(STDERR_FILENO)), show_plan_(format == output_format::table) {}

  void started(const lab::record& experiment) override {
    if (show_plan_) report_plan(experiment);
    progress::started(experiment);
  }

 private:
  bool show_plan_;
};

/// The rule of Python's ThreadPoolExecutor, and never more than there are tasks.
unsigned default_workers(unsigned tasks) { return std::min({tasks, 32U, fanout::default_workers() + 4}); }

lab::experiment_plan plan_for(const chosen_work& chosen, const compare_options& options) {
  // Automatic rounds go on until all is decided, but beyond the first look not for longer than one cares to wait.
  constexpr std::chrono::minutes patience{2};
  const unsigned tasks = options.tasks.value_or(chosen.tasks);
  const std::vector<unsigned>& looks = options.looks.empty() ? chosen.looks : options.looks;
  const bool automatic = looks.size() > 1;
  return {.models = options.models,
          .tasks = tasks,
          .workers = options.workers.value_or(default_workers(tasks)),
          .seed = options.seed ? *options.seed : std::random_device{}(),
          .test = {.min_effect = options.min_effect, .looks = looks},
          .claims = options.report.claims,
          .warmups = options.warmups,
          .timeout = options.timeout,
          .budget = options.budget.value_or(automatic ? patience : std::chrono::nanoseconds{}),
          .least_rounds = options.budget ? 1 : looks.front()};
}

}  // namespace

comparison_outcome compare_work(const chosen_work& chosen, const compare_options& options, std::string name) {
  lab::record record;
  {
    live_view watcher(options.report.format);
    record = lab::run_experiment(*chosen.work, plan_for(chosen, options), watcher);
  }
  return report_result(std::move(record), std::move(name), options.report);
}

void show_plan_of(const chosen_work& chosen, const compare_options& options) {
  const lab::record planned = lab::plan_experiment(*chosen.work, plan_for(chosen, options));
  write_out(lab::show_dry_run(planned, lab::terminal::of(STDOUT_FILENO)));
}

exit_code run_compare(const compare_options& options) {
  if (options.work.empty()) return run_notebook(options);
  const chosen_work chosen = choose_work(options);
  if (options.dry_run) {
    show_plan_of(chosen, options);
    return ok;
  }
  std::optional<export_file> file;
  if (!options.export_json.empty()) file.emplace(options.export_json);
  const comparison_outcome outcome = compare_work(chosen, options);
  if (file) file->write(json_document(outcome));
  return report_end(outcome, options.report.format);
}

}  // namespace cli
