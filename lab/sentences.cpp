// SPDX-License-Identifier: Apache-2.0
// Who is best, who is tied, what is undecided, what was disturbed, what was returned.
#include "lab/sentences.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "lab/format.hpp"
#include "lab/terminal.hpp"

namespace lab {

namespace {

using names = std::vector<std::string>;

/// Runs of models, in the order of the table, in which no two are shown to differ by more than matters.
std::vector<names> tied_groups(const analysis& found) {
  std::vector<names> groups;
  std::size_t covered = 0;
  for (std::size_t first = 0; first < found.models.size(); ++first) {
    names group;
    for (std::size_t next = first; next < found.models.size(); ++next) {
      const std::string& model = found.models[next].model;
      const bool tied = std::ranges::all_of(group, [&](const std::string& member) {
        const verdict outcome = found.between(member, model);
        return outcome == verdict::equivalent || outcome == verdict::negligible;
      });
      if (!tied) break;
      group.push_back(model);
    }
    if (group.size() < 2 || first + group.size() <= covered) continue;
    covered = first + group.size();
    groups.push_back(std::move(group));
  }
  return groups;
}

names leaders(const analysis& found) {
  names best;
  for (const model_summary& model : found.models)
    if (model.rank == 1) best.push_back(model.model);
  return best;
}

std::string margin(const record& experiment) { return fmt::format("{:g} %", 100 * experiment.test.min_effect); }

/// "no measurable difference (within ±3 %)", or the words for differences that were seen and do not matter.
std::string tie_in_words(const record& experiment, const analysis& found, const names& group) {
  for (std::size_t i = 0; i < group.size(); ++i)
    for (std::size_t j = i + 1; j < group.size(); ++j)
      if (found.between(group[i], group[j]) == verdict::negligible)
        return fmt::format("less than {} apart", margin(experiment));
  return fmt::format("no measurable difference (within ±{})", margin(experiment));
}

/// What is shown of a model against the reference; nothing if that is undecided.
/// "2.00 times as fast as serial [1.95–2.05]": the range that holds all of these ratios, of which the others' first is
/// one.
std::string in_range(const analysis& found, const names& models, const std::string& other) {
  std::optional<interval> all;
  for (const std::string& model : models) {
    const auto range = found.range(model, other);
    if (!range) return {};
    if (!all) all = range;
    all->low = std::min(all->low, range->low);
    all->high = std::max(all->high, range->high);
  }
  return all ? fmt::format(" [{}–{}]", format_factor(all->low), format_factor(all->high)) : "";
}

std::optional<sentence> against_reference(const record& experiment, const analysis& found, const std::string& model) {
  const std::string& reference = experiment.reference;
  switch (found.between(model, reference)) {
    case verdict::faster:
      return sentence{"✔", ansi::green,
                      fmt::format("{} is {} times as fast as {}{}", model, format_factor(found.ratio(model, reference)),
                                  reference, in_range(found, {model}, reference))};
    case verdict::slower:
      return sentence{
          "–", ansi::plain,
          fmt::format("{} takes {} times as long as {}{}", model, format_factor(found.ratio(reference, model)),
                      reference, in_range(found, {reference}, model))};
    case verdict::undecided:
      return {};
    default:
      return sentence{
          "≈", ansi::plain,
          fmt::format("{} and {}: {}", model, reference, tie_in_words(experiment, found, {model, reference}))};
  }
}

std::vector<sentence> sentences_on_reference(const record& experiment, const analysis& found) {
  const std::string& reference = experiment.reference;
  if (std::ranges::find(found.compared, reference) == found.compared.end())
    return {{"–", ansi::plain, fmt::format("no verdict: {}, the reference, was not measured", reference)}};
  std::vector<sentence> shown;
  for (const model_summary& model : found.models)
    if (auto one = against_reference(experiment, found, model.model)) shown.push_back(std::move(*one));
  return shown;
}

std::string headline_on_reference(const record& experiment, const analysis& found) {
  std::string text;
  for (const sentence& one : sentences_on_reference(experiment, found)) text += (text.empty() ? "" : "; ") + one.text;
  return text.empty() ? fmt::format("nothing is shown against {}", experiment.reference) : text;
}

/// "2.00 times as fast as serial"; a range of factors where the best are not shown to be equally fast.
std::string times_as_fast(const analysis& found, const names& best, const names& others) {
  std::vector<double> ratios;
  for (const std::string& model : best) ratios.push_back(found.ratio(model, others.front()));
  const auto groups = tied_groups(found);
  if (!groups.empty() && groups.front() == best) ratios.resize(1);
  const std::string least = format_factor(std::ranges::min(ratios)), most = format_factor(std::ranges::max(ratios));
  return fmt::format("{} times as fast as {}{}", least == most ? most : least + " to " + most, format_list(others),
                     in_range(found, best, others.front()));
}

/// Those that are shown to be faster than each of the others: a rank says only that nobody is shown to be faster.
names shown_faster(const analysis& found, const names& models, const names& others) {
  names faster;
  for (const std::string& model : models)
    if (std::ranges::all_of(others,
                            [&](const std::string& other) { return found.between(model, other) == verdict::faster; }))
      faster.push_back(model);
  return faster;
}

/// "2.00 times as fast as serial"; with their names where that is shown of some of the best only; empty if of none.
std::string advantage_over(const analysis& found, const names& best, const names& others) {
  const names faster = shown_faster(found, best, others);
  if (faster.empty()) return {};
  const std::string times = times_as_fast(found, faster, others);
  if (faster == best) return times;
  return fmt::format("{} {} {}", format_list(faster), faster.size() == 1 ? "is" : "are", times);
}

/// Of everyone else.
bool all_are_ahead(const analysis& found, const names& best) {
  return std::ranges::all_of(found.models, [&](const model_summary& model) {
    return model.rank == 1 || shown_faster(found, best, {model.model}) == best;
  });
}

/// The best models against those that come next, and against serial.
std::string advantage(const analysis& found, const names& best) {
  names next = {found.models[best.size()].model};
  for (const names& group : tied_groups(found))
    if (group.front() == next.front()) next = group;
  names parts = {advantage_over(found, best, next)};
  const bool serial_trails = std::ranges::any_of(
      found.models, [](const model_summary& model) { return model.model == "serial" && model.rank > 1; });
  if (serial_trails && std::ranges::find(next, "serial") == next.end())
    parts.push_back(advantage_over(found, best, {"serial"}));
  std::erase(parts, "");
  return parts.empty() ? "" : fmt::format(": {}", fmt::join(parts, ", "));
}

/// What rounds that differ much suggest: the same work takes the same time, but for what else the machine does. (Of
/// times below a millisecond that is not true.)
std::string disturbance(const analysis& found) {
  constexpr double suspicious = 1.25;
  const auto spread = [](const model_summary& model) { return model.max_s / model.min_s; };
  const auto most = std::ranges::max_element(found.models, {}, spread);
  if (most == found.models.end() || most->min_s < 1e-3 || spread(*most) < suspicious) return {};
  const auto walls = format_seconds(std::vector{most->min_s, most->max_s});
  return fmt::format("; {} took from {} to {}: is this machine busy with other work?", most->model, walls[0], walls[1]);
}

/// "2, 4 and 5", or "every round".
std::string rounds_in_words(const std::vector<unsigned>& rounds, std::size_t of) {
  if (rounds.size() == of) return of == 1 ? "the round" : "every round";
  names texts;
  for (const unsigned round : rounds) texts.push_back(std::to_string(round));
  return fmt::format("round{} {}", rounds.size() == 1 ? "" : "s", format_list(texts));
}

std::optional<sentence> conditions_sentence(const record& experiment) {
  std::string text = disturbance_in_words(experiment);
  if (text.empty()) return {};
  return sentence{"!", ansi::yellow, std::move(text)};
}

bool was_disturbed(const record& experiment) {
  return std::ranges::any_of(experiment.conditions, &round_conditions::disturbed);
}

/// "12 rounds", "12 rounds, the last 7 of 16 runs each".
std::string measured_rounds_in_words(const record& experiment) {
  const std::size_t rounds = experiment.order.size(), single = experiment.test.looks.front();
  std::string text = counted(rounds, "round");
  if (experiment.repeats > 1 && rounds > single)
    text += fmt::format(", the last {} of {} runs each", rounds - single, experiment.repeats);
  return text;
}

/// How many rounds it took, where that was not fixed.
std::optional<sentence> rounds_sentence(const record& experiment, const analysis& found) {
  if (experiment.test.looks.size() < 2 || found.pairs.empty()) return {};
  if (std::ranges::find(found.pairs, verdict::undecided, &comparison::outcome) != found.pairs.end()) return {};
  return sentence{" ", ansi::plain, fmt::format("decided after {}", measured_rounds_in_words(experiment))};
}

std::optional<sentence> undecided_sentence(const record& experiment, const analysis& found) {
  names pairs;
  std::optional<unsigned> more;
  for (const comparison& pair : found.pairs) {
    if (pair.outcome != verdict::undecided) continue;
    pairs.push_back(fmt::format("{} or {}", found.compared[pair.a], found.compared[pair.b]));
    if (pair.more_rounds) more = std::max(more.value_or(0), *pair.more_rounds);
  }
  if (pairs.empty()) return {};
  const bool all = pairs.size() == found.pairs.size() && pairs.size() > 1 && experiment.reference.empty();
  std::string text = fmt::format(
      "undecided after {}{}: {}", measured_rounds_in_words(experiment),
      experiment.budget_spent ? fmt::format(", when its time ({:g} s) was up", experiment.budget_s) : "",
      all ? format_list(found.compared) + " cannot be told apart" : fmt::format("{}", fmt::join(pairs, ", ")));
  if (experiment.order.size() == 1)
    text += "; one round decides nothing: use --rounds 2 or more";
  else if (experiment.repeats > 1)
    text += more ? "; a longer --budget would probably decide" : "; only a much longer --budget might decide";
  else if (more)
    text += fmt::format("; --rounds {} would probably decide", experiment.order.size() + *more);
  else
    text += "; these differ by so nearly what matters that more rounds are unlikely to decide";
  if (!was_disturbed(experiment)) text += disturbance(found);
  return sentence{"?", ansi::yellow, text};
}

void add(std::vector<sentence>& all, std::optional<sentence> one) {
  if (one) all.push_back(std::move(*one));
}

/// The part that was measured is all there is.
std::optional<sentence> interrupted_sentence(const record& experiment) {
  if (!experiment.interrupted) return {};
  return sentence{"!", ansi::yellow,
                  fmt::format("interrupted after {} of at most {}: fanout compare --resume FILE goes on with it",
                              counted(experiment.order.size(), "round"), experiment.test.looks.back())};
}

void add_best(std::vector<sentence>& all, const record& experiment, const analysis& found) {
  const names best = leaders(found);
  const bool anything_shown =
      best.size() < found.models.size() || best.size() < 2 || tied_groups(found) == std::vector<names>{best};
  if (anything_shown)
    all.push_back(
        {best.size() > 1 && best.size() == found.models.size() ? "≈" : "✔", ansi::green, headline(experiment, found)});
  for (const names& group : tied_groups(found))
    if (group != best)
      all.push_back(
          {"≈", ansi::plain, fmt::format("{}: {}", format_list(group), tie_in_words(experiment, found, group))});
}

void add_verdict(std::vector<sentence>& all, const record& experiment, const analysis& found) {
  if (experiment.reference.empty())
    add_best(all, experiment, found);
  else
    std::ranges::move(sentences_on_reference(experiment, found), std::back_inserter(all));
  add(all, interrupted_sentence(experiment));
  add(all, undecided_sentence(experiment, found));
  add(all, conditions_sentence(experiment));
  add(all, rounds_sentence(experiment, found));
}

/// A value as a program would write it, on one line.
std::string literal(const std::pair<std::string, nlohmann::json>& typed) {
  const auto& [type, value] = typed;
  if (type == "none") return "None";
  if (type == "str" || !value.is_string()) return value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  std::string text = value;
  std::ranges::replace_if(text, [](unsigned char c) { return c < ' '; }, ' ');
  return text;
}

std::optional<sentence> values_sentence(const record& experiment, const analysis& found) {
  if (found.values.size() != 1 || found.models.empty()) return {};
  const returned_values& returned = found.values.front();
  const bool nothing = std::ranges::all_of(returned.tasks, [](const auto& task) { return task.first == "none"; });
  const bool all = found.compared.size() == experiment.models.size() && found.compared.size() > 1;
  const std::string who = all ? "every model" : format_list(found.compared);  // not those that failed later
  const std::string text =
      nothing ? fmt::format("{} finished {}", who,
                            returned.tasks.size() > 1           ? fmt::format("all {} tasks", returned.tasks.size())
                            : all || found.compared.size() == 1 ? "its task"
                                                                : "their task")
              : fmt::format("{} returned {}", who, values_in_words(returned, 60));
  return sentence{" ", ansi::plain, text + " ✔"};
}

/// "CPython 3.11.2 (/usr/bin/python3)", if that is what runs the work.
std::string host_in_words(const record& experiment) {
  if (!experiment.host.contains("python")) return {};
  const nlohmann::json& python = experiment.host["python"];
  return fmt::format("{} {} ({})", python.value("implementation", "Python"), python.value("version", ""),
                     python.value("executable", ""));
}

}  // namespace

std::string work_in_words(const record& experiment) {
  return fmt::format("{} × {}", experiment.title, experiment.tasks);
}

std::string plan_in_words(const record& experiment) {
  std::string facts = fmt::format("{}, {}, ", counted(experiment.workers, "worker"),
                                  counted(experiment.machine.value("cpus_effective", 1U), "CPU"));
  facts += fmt::format("Linux {}", experiment.machine.value("kernel", ""));
  if (const std::string host = host_in_words(experiment); !host.empty()) facts = host + " · " + facts;
  const std::size_t running = experiment.models.size() - experiment.unavailable.size();
  const std::vector<unsigned>& looks = experiment.test.looks;
  if (running > 0)
    facts += fmt::format(" · {} × {}{} in random order (seed {})", counted(running, "model"),
                         looks.size() > 1 ? fmt::format("{} to ", looks.front()) : "", counted(looks.back(), "round"),
                         experiment.seed);
  if (!experiment.reference.empty()) facts += fmt::format(", each against {}", experiment.reference);
  return facts;
}

std::string disturbance_in_words(const record& experiment) {
  std::vector<unsigned> rounds;
  double others = 0, steal = 0;
  bool throttled = false;
  for (unsigned round = 1; const round_conditions& found : experiment.conditions) {
    if (found.disturbed()) {
      rounds.push_back(round);
      if (found.shared()) others = std::max(others, *found.others);
      if (found.stolen_from()) steal = std::max(steal, *found.steal);
      throttled = throttled || found.held_back();
    }
    ++round;
  }
  if (rounds.empty()) return {};
  const std::string_view up_to = rounds.size() > 1 ? "up to " : "";
  names causes;
  if (others > 0) causes.push_back(fmt::format("other programs took {}{:.0f} % of all CPU time", up_to, 100 * others));
  if (steal > 0)
    causes.push_back(fmt::format("the hypervisor kept {}{:.1f} % of {} back", up_to, 100 * steal,
                                 causes.empty() ? "all CPU time" : "it"));
  if (throttled) causes.push_back("a CPU quota (cgroup) stopped the tasks");
  return fmt::format("{} {} disturbed: {}", rounds_in_words(rounds, experiment.conditions.size()),
                     rounds.size() > 1 && rounds.size() < experiment.conditions.size() ? "were" : "was",
                     format_list(causes));
}

std::string values_in_words(const returned_values& returned, std::size_t width) {
  names texts;
  for (const auto& task : returned.tasks) texts.push_back(literal(task));
  const bool alike = std::ranges::all_of(texts, [&](const std::string& text) { return text == texts.front(); });
  return shortened(alike ? texts.front() : fmt::format("{}", fmt::join(texts, ", ")), width);
}

std::string headline(const record& experiment, const analysis& found) {
  if (found.models.empty())
    return experiment.interrupted && experiment.order.empty() ? "not begun yet" : "nothing could be measured";
  if (found.models.size() == 1)
    return fmt::format("{} alone was measured: there is nothing to compare it with", found.models.front().model);
  if (found.values_differ()) return "no verdict: the models' results differ";
  if (!experiment.reference.empty()) return headline_on_reference(experiment, found);
  const names best = leaders(found);
  const auto groups = tied_groups(found);
  const bool tied = !groups.empty() && groups.front() == best;
  if (best.size() == 1) return fmt::format("{} is best{}", best.front(), advantage(found, best));
  if (best.size() == found.models.size())
    return tied ? fmt::format("{}: {}", format_list(best), tie_in_words(experiment, found, best))
                : fmt::format("none of {} is shown to be best", format_list(best));
  if (tied)
    return fmt::format("{} are best, {}{}", format_list(best), tie_in_words(experiment, found, best),
                       advantage(found, best));
  if (!all_are_ahead(found, best))
    return fmt::format("which of {} is best is undecided{}", format_list(best), advantage(found, best));
  return fmt::format("{} lead, and which of them is best is undecided{}", format_list(best), advantage(found, best));
}

std::vector<sentence> sentences(const record& experiment, const analysis& found) {
  std::vector<sentence> all;
  if (found.models.empty()) {
    all.push_back({"–", ansi::plain, headline(experiment, found)});
    add(all, interrupted_sentence(experiment));
  } else if (found.values_differ()) {
    all.push_back({"✘", ansi::red, "no verdict: the models' results differ"});
  } else {
    add_verdict(all, experiment, found);
  }
  add(all, values_sentence(experiment, found));
  return all;
}

}  // namespace lab
