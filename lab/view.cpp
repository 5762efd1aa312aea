// SPDX-License-Identifier: Apache-2.0
// The table, the sentences under it, and problems in full.
#include "lab/view.hpp"

#include <fmt/format.h>

#include <map>
#include <optional>
#include <set>

#include "lab/cost_table.hpp"
#include "lab/diagnosis.hpp"
#include "lab/format.hpp"
#include "lab/time_bars.hpp"

namespace lab {

namespace {

std::string styled(std::string_view style, std::string_view text, const terminal& out) {
  return out.colour ? fmt::format("{}{}{}", style, text, ansi::plain) : std::string(text);
}

using names = std::vector<std::string>;

std::map<std::string, names> unavailable_by_reason(const record& experiment) {
  std::map<std::string, names> models;
  for (const auto& [model, reason] : experiment.unavailable) models[reason].push_back(model);
  return models;
}

/// Why models are n/a, where the table has not the width to say it.
std::string show_reasons(const record& experiment, const terminal& out) {
  constexpr std::size_t before_the_note = 18;
  std::string text;
  for (const auto& [reason, models] : unavailable_by_reason(experiment))
    if (const std::string note = "n/a: " + first_line(reason); before_the_note + columns(note) > out.width)
      text += show_sentence({"–", ansi::plain, fmt::format("{}: {}", format_list(models), note)}, out);
  return text;
}

/// " why      the work waits…", broken to the width; without the label if it stood there before.
std::string show_labelled(const std::string& label, const std::string& text, const terminal& out) {
  constexpr std::size_t indent = 10;
  const std::string space(indent - 1 - label.size(), ' ');
  return fmt::format(" {}{}{}\n", styled(ansi::bold, label, out), space, wrapped(text, out.width, indent));
}

std::string show_findings(const std::string& label, const std::vector<finding>& found, const terminal& out) {
  std::string text;
  for (const finding& one : found) text += show_labelled(text.empty() ? label : "", one.text, out);
  return text;
}

/// Why, what else could be, and what to do. That rounds were disturbed is said with the verdict already.
std::string show_diagnosis(diagnosis why, const terminal& out) {
  std::erase_if(why.cautions, [](const finding& one) { return one.rule == "disturbed"; });
  std::string text = show_findings("why", why.why, out);
  if (why.best_possible) text += show_labelled("at best", best_possible_in_words(*why.best_possible), out);
  if (!why.advice.empty()) text += show_labelled("advice", why.advice, out);
  return text + show_findings("caution", why.cautions, out);
}

/// A model that returned different values in different rounds.
std::optional<std::string> returned_twice(const analysis& found) {
  std::set<std::string> seen;
  for (const returned_values& returned : found.values)
    for (const std::string& model : returned.models)
      if (!seen.insert(model).second) return model;
  return std::nullopt;
}

}  // namespace

std::string show_plan(const record& experiment, const terminal& out) {
  return fmt::format("{}\n {}\n", styled(ansi::bold, shortened(work_in_words(experiment), out.width), out),
                     styled(ansi::dim, wrapped(plan_in_words(experiment), out.width, 1), out));
}

std::string show_dry_run(const record& planned, const terminal& out) {
  std::string text = show_plan(planned, out);
  const auto add = [&](const std::string& line) { text += show_sentence({" ", ansi::plain, line}, out); };
  const std::vector<unsigned>& looks = planned.test.looks;
  if (!planned.order.empty()) {
    add(fmt::format("{} of each model to warm up, not counted", counted(planned.warmups, "run")));
    add(fmt::format("first round: {}; then in other orders", fmt::join(planned.order.front(), ", ")));
    if (looks.size() > 1) {
      add(fmt::format("verdicts are drawn after {} rounds; it ends when every pair is decided{}",
                      fmt::join(looks, ", "),
                      planned.budget_s > 0 ? fmt::format(", or after {}", format_clock(planned.budget_s)) : ""));
      add(fmt::format("if {} do not decide all, each later round runs every model as often as the time allows",
                      looks.front()));
    }
    add("how long a run takes is not known before one has run");
  }
  for (const auto& [model, reason] : planned.unavailable)
    text += show_sentence({"–", ansi::plain, fmt::format("{}: n/a: {}", model, first_line(reason))}, out);
  return text;
}

std::string show_result(const record& experiment, const analysis& found, const terminal& out) {
  std::string text = cost_table(experiment, found).show(out) + "\n";
  if (const std::string bars = show_time_bars(found, out); !bars.empty()) text += bars + "\n";
  for (const sentence& said : sentences(experiment, found)) text += show_sentence(said, out);
  text += show_reasons(experiment, out);
  const std::string why = show_diagnosis(diagnose(experiment, found), out);
  return why.empty() ? text : text + "\n" + why;
}

std::string show_sentence(const sentence& said, const terminal& out) {
  constexpr std::size_t indent = 3;
  std::string text = wrapped(said.text, out.width, indent);
  if (constexpr std::string_view tick = "✔"; text.ends_with(tick))
    text.replace(text.size() - tick.size(), tick.size(), styled(ansi::green, tick, out));
  return fmt::format(" {} {}\n", styled(said.style, said.mark, out), text);
}

std::string show_legend(const terminal& out) {
  const std::string text =
      "wall: median over the runs, from before the model's set-up to its last result · set-up: its share of that · "
      "CPU: of all threads and processes · cores: CPU/wall · memory: peak · "
      "switches: context switches, voluntary/involuntary · [from–to]: where a ratio is, with 95 %";
  return " " + styled(ansi::dim, wrapped(text, out.width, 1), out) + "\n";
}

std::string show_problems(const record& experiment, const analysis& found) {
  std::string text;
  for (const auto& [reason, models] : unavailable_by_reason(experiment))
    if (reason.find('\n') != std::string::npos)
      text += fmt::format("fanout: {}: n/a: {}\n", format_list(models), reason);
  for (const failure& failed : found.failures) {
    const std::string count =
        failed.tasks > 1 ? fmt::format(" ({} of {} tasks; the first)", failed.failed, failed.tasks) : "";
    text += fmt::format("fanout: {} failed{}: {}\n", format_list(failed.models), count, failed.error);
  }
  if (!found.values_differ()) return text;
  text += "fanout: the models' results differ, so there is no verdict:\n";
  for (const returned_values& returned : found.values)
    text += fmt::format("  {} returned {}\n", format_list(returned.models), values_in_words(returned, 200));
  if (const auto twice = returned_twice(found))
    text +=
        fmt::format("  {} did not return the same each time: the task depends on more than its arguments\n", *twice);
  return text;
}

}  // namespace lab
