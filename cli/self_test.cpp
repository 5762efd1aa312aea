// SPDX-License-Identifier: Apache-2.0
// Comparisons as any other, but for a workload with two names for one model.
#include "cli/self_test.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <map>

#include "cli/compare.hpp"
#include "cli/output.hpp"
#include "lab/analysis.hpp"
#include "lab/format.hpp"
#include "lab/view.hpp"
#include "lab/writing.hpp"

namespace cli {

namespace {

/// Work whose models are all the same one.
class one_model final : public lab::workload {
 public:
  one_model(lab::workload& work, std::string model) : work_(work), model_(std::move(model)) {}

  std::string title() const override { return work_.title(); }
  nlohmann::json describe() const override { return work_.describe(); }
  nlohmann::json host() const override { return work_.host(); }
  void prepare(unsigned tasks) override { work_.prepare(tasks); }
  std::optional<std::string> unavailable(std::string_view) const override { return work_.unavailable(model_); }
  std::vector<std::string> host_command(std::string_view, unsigned tasks, unsigned workers) const override {
    return work_.host_command(model_, tasks, workers);
  }
  std::vector<std::string> host_environment(std::string_view) const override { return work_.host_environment(model_); }

 private:
  lab::workload& work_;
  std::string model_;
};

/// "equivalent after 5 runs of each: 1.001 times as fast (0.997 to 1.004)".
std::string found_in_words(const lab::record& experiment, const lab::comparison& pair) {
  std::string text =
      fmt::format("{} after {}", to_string(pair.outcome), lab::counted(experiment.runs.size() / 2, "run")) + " of each";
  if (pair.evidence)
    text += fmt::format(": {:.3f} times as fast ({:.3f} to {:.3f})", pair.ratio, pair.evidence->ratio.low,
                        pair.evidence->ratio.high);
  const auto disturbed = std::ranges::count_if(experiment.conditions, &lab::round_conditions::disturbed);
  return disturbed == 0
             ? text
             : text + fmt::format(", {} disturbed", lab::counted(static_cast<std::size_t>(disturbed), "round"));
}

}  // namespace

exit_code run_self_test(const self_test_options& options) {
  const compare_options same{
      .work = options.work, .budget = options.budget, .models = {options.model + "/A", options.model + "/B"}};
  chosen_work chosen = choose_work(same);
  one_model twice(*chosen.work, options.model);
  write_out(
      fmt::format("{} × {}: {} is the same under two names\n", chosen.work->title(), chosen.tasks, options.model));
  std::map<lab::verdict, unsigned> found;
  for (unsigned run = 1; run <= options.runs; ++run) {
    const lab::record experiment = compare_quietly(twice, chosen, same);
    const lab::analysis analysed = lab::analyse(experiment);
    lab::say(lab::show_problems(experiment, analysed));
    if (!experiment.unavailable.empty())
      lab::say(
          fmt::format("fanout: {}: n/a: {}\n", options.model, lab::first_line(experiment.unavailable.front().reason)));
    if (analysed.pairs.empty()) return analysed.values_differ() ? results_differ : task_failed;
    const lab::comparison& pair = analysed.pairs.front();
    ++found[pair.outcome];
    write_out(fmt::format(" run {:>{}} of {}: {}\n", run, std::to_string(options.runs).size(), options.runs,
                          found_in_words(experiment, pair)));
  }
  const unsigned wrong = found[lab::verdict::faster] + found[lab::verdict::slower];
  const unsigned equal = found[lab::verdict::equivalent] + found[lab::verdict::negligible];
  write_out(fmt::format("{} {}: {} equivalent, {} undecided, {} faster or slower, which {}\n", wrong == 0 ? "✔" : "✘",
                        lab::counted(options.runs, "run"), equal, found[lab::verdict::undecided], wrong,
                        wrong == 0 ? "is right" : "is wrong: it is the same model"));
  return wrong == 0 ? ok : task_failed;
}

}  // namespace cli
