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

/// Progress on stderr, and in table format the plan on stdout before the first run.
class live_view final : public lab::progress {
 public:
  live_view(output_format format, const keep_rounds& keep)
      : progress(lab::terminal::of(STDERR_FILENO)), show_plan_(format == output_format::table), keep_(keep) {}

  void started(const lab::record& experiment) override {
    if (show_plan_) report_plan(experiment);
    progress::started(experiment);
  }

  void interrupted(lab::record whole) override {
    erase();
    if (keep_) keep_(std::move(whole));
  }

 private:
  bool show_plan_;
  const keep_rounds& keep_;
};

/// Into a file of its own.
keep_rounds keep_in(export_file& file) {
  return [&file](const lab::record& whole) {
    file.write(json_document(whole));
    lab::say(fmt::format("fanout: {0} has {1} of at most {2}; fanout compare --resume {0} goes on\n", file.path(),
                         lab::counted(whole.order.size(), "round"), whole.test.looks.back()));
  };
}

// Automatic rounds go on until all is decided, but beyond the first look not for longer than one cares to wait.
constexpr std::chrono::minutes patience{2};

/// The rule of Python's ThreadPoolExecutor, and never more than there are tasks.
unsigned default_workers(unsigned tasks) { return std::min({tasks, 32U, fanout::default_workers() + 4}); }

lab::experiment_plan plan_for(const chosen_work& chosen, const compare_options& options) {
  const std::vector<unsigned>& looks = options.looks.empty() ? chosen.looks : options.looks;
  const bool automatic = looks.size() > 1;
  return {.models = options.models,
          .reference = options.reference,
          .tasks = tasks_of(chosen, options),
          .workers = workers_of(chosen, options),
          .seed = options.seed ? *options.seed : std::random_device{}(),
          .test = {.min_effect = options.min_effect, .looks = looks},
          .claims = options.report.claims,
          .warmups = options.warmups,
          .timeout = options.timeout,
          .budget = options.budget.value_or(automatic ? patience : std::chrono::nanoseconds{}) / options.budget_shares,
          .least_rounds = options.budget ? 1 : looks.front()};
}

/// Whoever reads the results must not have to guess that a file has changed what was run.
void tell_of_defaults(const compare_options& options) {
  if (options.configured.empty()) return;
  if (options.dry_run)
    write_out(fmt::format("defaults from {}\n", options.configured));
  else
    lab::say(fmt::format("fanout: defaults from {}\n", options.configured));
}

exit_code resume_one(const compare_options& options, lab::record begun, export_file& file, trace_file& trace) {
  const chosen_work chosen = choose_work(options_of(begun));
  const comparison_outcome outcome = resume_work(*chosen.work, std::move(begun), options, {}, keep_in(file));
  file.write(json_document(outcome.record));
  trace.add(*chosen.work, outcome);
  trace.write();
  return report_end(outcome, options.report.format);
}

/// Goes on with what a file has, and completes the file.
exit_code run_resume(const compare_options& options) {
  recorded begun = records_of(options.resume);
  if (std::ranges::none_of(begun.records, &lab::record::interrupted))
    throw lab::usage_error(options.resume + ": the experiment is complete: there is nothing to go on with");
  if (begun.of != recorded::form::one && !options.trace.empty())
    throw lab::usage_error(fmt::format("--trace draws one comparison, and {} has several", options.resume));
  trace_file trace(options.trace);
  export_file file(options.export_json.empty() ? options.resume : options.export_json);
  try {
    if (begun.of == recorded::form::scan) return resume_scan(options, begun, file);
    if (begun.of == recorded::form::notebook) return resume_notebook(options, begun, file);
    return resume_one(options, std::move(begun.records.front()), file, trace);
  } catch (const lab::usage_error& error) {
    throw lab::usage_error(fmt::format("{}: {}", options.resume, error.what()));
  }
}

}  // namespace

comparison_outcome compare_work(const chosen_work& chosen, const compare_options& options, std::string name,
                                const keep_rounds& keep) {
  lab::record record;
  {
    live_view watcher(options.report.format, keep);
    record = lab::run_experiment(*chosen.work, plan_for(chosen, options), watcher);
  }
  return report_result(std::move(record), std::move(name), options.report);
}

comparison_outcome resume_work(lab::workload& work, lab::record begun, const compare_options& options, std::string name,
                               const keep_rounds& keep) {
  const std::vector<unsigned>& looks = begun.test.looks;
  const bool automatic = looks.size() > 1;
  const auto budget = options.budget.value_or(automatic ? patience : std::chrono::nanoseconds{});
  const unsigned least = options.budget ? 1 : looks.front();
  lab::record record;
  {
    live_view watcher(options.report.format, keep);
    record = lab::resume_experiment(work, std::move(begun), options.report.claims, budget / options.budget_shares,
                                    least, watcher);
  }
  return report_result(std::move(record), std::move(name), options.report);
}

unsigned tasks_of(const chosen_work& chosen, const compare_options& options) {
  return options.tasks.empty() ? chosen.tasks : options.tasks.front();
}

unsigned workers_of(const chosen_work& chosen, const compare_options& options) {
  return options.workers.empty() ? default_workers(tasks_of(chosen, options)) : options.workers.front();
}

lab::record unbegun_record(const chosen_work& chosen, const compare_options& options) {
  lab::record planned = lab::plan_experiment(*chosen.work, plan_for(chosen, options));
  planned.order.clear();
  planned.interrupted = true;
  return planned;
}

compare_options options_of(const lab::record& begun) {
  compare_options options{.work = begun.workload.value("spec", ""),
                          .args = begun.workload.value("args", std::vector<std::string>{}),
                          .kwargs = begun.workload.value("kwargs", std::vector<std::string>{}),
                          .args_from = begun.workload.value("args_from", ""),
                          .setup = begun.workload.value("setup", ""),
                          .models = begun.models};
  if (begun.host.contains("python")) options.python = begun.host["python"].value("executable", "");
  return options;
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
  tell_of_defaults(options);
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
  const comparison_outcome outcome = compare_work(chosen, options, {}, file ? keep_in(*file) : keep_rounds{});
  if (file) file->write(json_document(outcome.record));
  trace.add(*chosen.work, outcome);
  trace.write();
  return report_end(outcome, options.report.format);
}

}  // namespace cli
