// SPDX-License-Identifier: Apache-2.0
// Progress on stderr.
#include "lab/progress.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "lab/analysis.hpp"
#include "lab/format.hpp"
#include "lab/writing.hpp"

namespace lab {

namespace {

double seconds_since(std::chrono::steady_clock::time_point then) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - then).count();
}

std::string bar(double fraction, unsigned width) {
  const auto filled = static_cast<unsigned>(fraction * width);
  std::string text;
  for (unsigned i = 0; i < width; ++i) text += i < filled ? "━" : i == filled ? "╸" : "─";
  return text;
}

/// The fastest against serial, or against the slowest, by what they have taken until now: "so far threads ≈ 1.9×
/// serial".
std::string standing(const record& experiment) {
  const analysis found = analyse(experiment);
  if (found.models.size() < 2 || found.values_differ()) return {};
  const auto [best, worst] = std::ranges::minmax_element(found.models, {}, &model_summary::median_s);
  const auto serial = std::ranges::find(found.models, "serial", &model_summary::model);
  const auto other = serial != found.models.end() && serial != best ? serial : worst;
  return fmt::format("  so far {} ≈ {}× {}", best->model, format_factor(other->median_s / best->median_s),
                     other->model);
}

/// How long a model took in the last round. Nothing if it did not run.
std::optional<std::string> round_in_words(const record& experiment, const std::string& model) {
  std::vector<double> wall_s;
  for (const run_record& run : experiment.runs) {
    if (run.model != model || run.round != experiment.order.size()) continue;
    if (!run.error.empty()) return "failed";
    wall_s.push_back(run.wall_s);
  }
  if (wall_s.empty()) return {};
  return format_seconds(median(wall_s));
}

}  // namespace

void progress::started(const record& experiment) {
  title_ = fmt::format("{} × {}", experiment.title, experiment.tasks);
  looks_ = experiment.test.looks;
  repeats_ = experiment.repeats;
  for (const std::string& model : experiment.models) models_[model].left = experiment.warmups;
  for (const auto& [model, reason] : experiment.unavailable) models_.erase(model);
  until_ = static_cast<unsigned>(experiment.order.size());  // more than none if it was interrupted
  plan_until(*std::ranges::upper_bound(looks_, until_));
  started_ = clock::now();
}

void progress::plan_until(unsigned look) {
  for (auto& [name, model] : models_)
    if (!model.failed) model.left += (look - until_) * repeats_;
  until_ = look;
}

void progress::measuring(unsigned round, const std::string& model) {
  if (round > until_) plan_until(*std::ranges::lower_bound(looks_, round));
  round_ = round;
  model_ = model;
  run_started_ = clock::now();
  draw();
}

void progress::measured(const run_record& run) {
  times& model = models_[run.model];
  model.spent_s += seconds_since(run_started_);
  ++model.done;
  model.failed = !run.error.empty();
  model.left = model.failed ? 0 : model.left - 1;
  model_.clear();
}

void progress::round_finished(const record& experiment) {
  repeats_ = experiment.repeats;  // they are chosen at the first look
  if (terminal_.interactive) standing_ = standing(experiment);
  if (terminal_.interactive || seconds_since(started_) < 1) return;
  std::vector<std::string> texts;
  for (const std::string& model : experiment.models)
    if (const auto wall = round_in_words(experiment, model)) texts.push_back(fmt::format("{} {}", model, *wall));
  const unsigned runs = experiment.runs_in(round_);
  say(fmt::format("{}, round {} of {}{}{}: {}\n", title_, round_, looks_.size() > 1 ? "at most " : "", looks_.back(),
                  runs > 1 ? fmt::format(", medians of {} runs", runs) : "", fmt::join(texts, ", ")));
}

void progress::tracing(const std::string& model) {
  tracing_ = true;
  model_ = model;
  draw();
}

void progress::tick() { draw(); }

void progress::printed(const std::string& model, const output_line& line) {
  erase();
  const std::string tag = line.from_host ? fmt::format("[{}]", model) : fmt::format("[{} {}]", model, line.sender);
  say(terminal_.colour ? fmt::format("{}{}{} {}\n", ansi::dim, tag, ansi::plain, line.text)
                       : fmt::format("{} {}\n", tag, line.text));
}

double progress::remaining_s() const {
  double sum = 0;
  for (const auto& [name, model] : models_) {
    if (model.left == 0) continue;
    if (model.done == 0) return -1;
    const double each = model.spent_s / model.done;
    sum += each * model.left - (name == model_ ? std::min(each, seconds_since(run_started_)) : 0);
  }
  return sum;
}

std::string progress::rounds_in_words() const {
  unsigned done = 0, all = 0;
  for (const auto& [name, model] : models_) {
    done += model.done;
    all += model.done + model.left;
  }
  const double remaining = remaining_s();
  const double elapsed = seconds_since(started_);
  const double fraction =
      remaining >= 0 && elapsed > 0 ? elapsed / (elapsed + remaining) : static_cast<double>(done) / std::max(all, 1U);
  const std::string step = round_ > 0 ? fmt::format("round {}/{}", round_, until_) : "warm-up";
  std::string text = fmt::format(" {}  {}  {:3.0f} %  {}", step, bar(fraction, 24), 100 * fraction, model_);
  text += remaining >= 0 ? fmt::format("  {} left", format_clock(remaining))
                         : fmt::format("  {} so far", format_clock(elapsed));
  return text + standing_;
}

void progress::draw() {
  if (!terminal_.interactive) return;
  const std::string text = tracing_ ? fmt::format(" trace  {}", model_) : rounds_in_words();
  say(fmt::format("{}{}", ansi::erase_line, shortened(text, terminal_.width - 1)));
  drawn_ = true;
}

void progress::erase() {
  if (!drawn_) return;
  say(ansi::erase_line);
  drawn_ = false;
}

}  // namespace lab
