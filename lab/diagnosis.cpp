// SPDX-License-Identifier: Apache-2.0
#include "lab/diagnosis.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "lab/advice.hpp"
#include "lab/facts.hpp"
#include "lab/rules.hpp"

namespace lab {

namespace {

using json = nlohmann::ordered_json;

json to_json(const std::vector<finding>& found) {
  json all = json::array();
  for (const finding& one : found) {
    all.push_back({{"rule", one.rule}, {"text", one.text}, {"evidence", one.evidence}});
    if (!one.models.empty()) all.back()["models"] = one.models;
  }
  return all;
}

}  // namespace

std::vector<std::string> diagnosis::rules_of(const std::string& model) const {
  std::vector<std::string> rules;
  for (const auto* list : {&why, &cautions})
    for (const finding& one : *list)
      if (std::ranges::find(one.models, model) != one.models.end()) rules.push_back(one.rule);
  return rules;
}

diagnosis diagnose(const record& experiment, const analysis& found) {
  const facts all(experiment, found);
  if (found.values_differ()) return {.why = why_of(all), .cautions = {}};
  return {.why = why_of(all), .cautions = cautions_of(all), .best_possible = best_possible(all), .advice = advice(all)};
}

std::string best_possible_in_words(const diagnosis::bound& best) {
  const std::string over = best.over == "serial" ? "" : fmt::format(" the speed of {}", best.over);
  return fmt::format("{}{} is possible on {}; {} reached {}", times(best.speedup), over, counted(best.cpus, "CPU"),
                     best.model, times(best.reached));
}

void add_to_json(const diagnosis& why, json& record) {
  if (!why.why.empty()) record["why"] = to_json(why.why);
  if (!why.cautions.empty()) record["cautions"] = to_json(why.cautions);
  if (why.best_possible)
    record["best_possible"] = {{"speedup", why.best_possible->speedup},
                               {"reached", why.best_possible->reached},
                               {"model", why.best_possible->model},
                               {"over", why.best_possible->over}};
  if (!why.advice.empty()) record["advice"] = why.advice;
}

}  // namespace lab
