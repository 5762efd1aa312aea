// SPDX-License-Identifier: Apache-2.0
// One comparison from plan to exit code.
#include "cli/compare.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <fanout/workers.hpp>
#include <random>

#include "cli/export_file.hpp"
#include "cli/output.hpp"
#include "cli/record_file.hpp"
#include "cli/trace_file.hpp"
#include "lab/experiment.hpp"
#include "lab/format.hpp"
#include "lab/interruption.hpp"
#include "lab/progress.hpp"
#include "lab/terminal.hpp"
#include "lab/view.hpp"
#include "lab/writing.hpp"

namespace cli {

namespace {

/// Progress on stderr, and in table format the plan on stdout before the first run. What is interrupted goes to a file.
class live_view final : public lab::progress {
 public:
  live_view(output_format format, export_file* unfinished)
      : progress(lab::terminal::of(STDERR_FILENO)),
        show_plan_(format == output_format::table),
        unfinished_(unfinished) {}

  void started(const lab::record& experiment) override {
    if (show_plan_) report_plan(experiment);
    progress::started(experiment);
  }

  void interrupted(lab::record whole) override {
    if (unfinished_ == nullptr) return;
    unfinished_->write(json_document(whole));
    erase();
    lab::say(fmt::format("fanout: {0} has {1} of at most {2}; fanout compare --resume {0} goes on\n",
                         unfinished_->path(), lab::counted(whole.order.size(), "round"), whole.test.looks.back()));
  }

 private:
  bool show_plan_;
  export_file* unfinished_;
};

// Automatic rounds go on until all is decided, but beyond the first look not for longer than one cares to wait.
constexpr std::chrono::minutes patience{2};

/// The rule of Python's ThreadPoolExecutor, and never more than there are tasks.
unsigned default_workers(unsigned tasks) { return std::min({tasks, 32U, fanout::default_workers() + 4}); }

lab::experiment_plan plan_for(const chosen_work& chosen, const compare_options& options) {
  const unsigned tasks = options.tasks.empty() ? chosen.tasks : options.tasks.front();
  const std::vector<unsigned>& looks = options.looks.empty() ? chosen.looks : options.looks;
  const bool automatic = looks.size() > 1;
  return {.models = options.models,
          .reference = options.reference,
          .tasks = tasks,
          .workers = options.workers.empty() ? default_workers(tasks) : options.workers.front(),
          .seed = options.seed ? *options.seed : std::random_device{}(),
          .test = {.min_effect = options.min_effect, .looks = looks},
          .claims = options.report.claims,
          .warmups = options.warmups,
          .timeout = options.timeout,
          .budget = options.budget.value_or(automatic ? patience : std::chrono::nanoseconds{}) / options.budget_shares,
          .least_rounds = options.budget ? 1 : looks.front()};
}

/// The work of a record, as it was chosen.
compare_options options_of(const lab::record& begun) {
  compare_options options{.work = begun.workload.value("spec", ""),
                          .args = begun.workload.value("args", std::vector<std::string>{}),
                          .models = begun.models};
  if (begun.host.contains("python")) options.python = begun.host["python"].value("executable", "");
  return options;
}

/// Goes on with what a file has of an experiment, and completes the file.
exit_code run_resume(const compare_options& options) {
  lab::record record = one_record_of(options.resume);
  trace_file trace(options.trace);
  const auto budget = options.budget.value_or(record.test.looks.size() > 1 ? patience : std::chrono::nanoseconds{});
  export_file file(options.export_json.empty() ? options.resume : options.export_json);
  chosen_work chosen{};
  try {
    chosen = choose_work(options_of(record));
    live_view watcher(options.report.format, &file);
    record = lab::resume_experiment(*chosen.work, std::move(record), options.report.claims, budget, watcher);
  } catch (const lab::usage_error& error) {
    throw lab::usage_error(fmt::format("{}: {}", options.resume, error.what()));
  }
  const comparison_outcome outcome = report_result(std::move(record), {}, options.report);
  file.write(json_document(outcome.record));
  trace.add(*chosen.work, outcome);
  trace.write();
  return report_end(outcome, options.report.format);
}

}  // namespace

comparison_outcome compare_work(const chosen_work& chosen, const compare_options& options, std::string name,
                                export_file* unfinished) {
  lab::record record;
  {
    live_view watcher(options.report.format, unfinished);
    record = lab::run_experiment(*chosen.work, plan_for(chosen, options), watcher);
  }
  return report_result(std::move(record), std::move(name), options.report);
}

lab::record compare_quietly(lab::workload& work, const chosen_work& chosen, const compare_options& options) {
  lab::progress watcher(lab::terminal::of(STDERR_FILENO));
  return lab::run_experiment(work, plan_for(chosen, options), watcher);
}

void show_plan_of(const chosen_work& chosen, const compare_options& options) {
  const lab::record planned = lab::plan_experiment(*chosen.work, plan_for(chosen, options));
  write_out(lab::show_dry_run(planned, lab::terminal::of(STDOUT_FILENO)));
}

exit_code run_compare(const compare_options& options) {
  if (!options.resume.empty()) return run_resume(options);
  if (options.is_scan()) return run_scan(options);
  if (options.work.empty()) return run_notebook(options);
  const chosen_work chosen = choose_work(options);
  if (options.dry_run) {
    show_plan_of(chosen, options);
    return ok;
  }
  std::optional<export_file> file;
  if (!options.export_json.empty()) file.emplace(options.export_json);
  trace_file trace(options.trace);
  const comparison_outcome outcome = compare_work(chosen, options, {}, file ? &*file : nullptr);
  if (file) file->write(json_document(outcome.record));
  trace.add(*chosen.work, outcome);
  trace.write();
  return report_end(outcome, options.report.format);
}

}  // namespace cli
