// SPDX-License-Identifier: Apache-2.0
#include "lab/costs/report.hpp"

#include <algorithm>
#include <cmath>

namespace lab::costs {

namespace {

using json = nlohmann::ordered_json;

constexpr double level = 0.95;

std::string_view to_string(unit of) {
  switch (of) {
    case unit::seconds:
      return "s";
    case unit::bytes:
      return "bytes";
    case unit::factor:
      break;
  }
  return "factor";
}

json claim_to_json(const finding& found) {
  const notebook_claim& claim = found.what->claim;
  json result = {{"text", claim.words}, {"low", claim.low}};
  if (std::isfinite(claim.high)) result["high"] = claim.high;
  if (const auto verdict = judge(found)) result["verdict"] = to_string(*verdict);
  return result;
}

json to_json(const finding& found) {
  json result = {{"id", found.what->id},
                 {"group", found.what->group},
                 {"name", found.what->name.substr(found.what->name.find_first_not_of(' '))},
                 {"unit", to_string(found.what->unit)},
                 {"status", found.value ? "ok" : "n/a"}};
  if (found.value) {
    const interval& range = found.value->range;
    result["median"] = found.value->median;
    result["ci"] = {{"level", range.level}, {"lo", range.low}, {"hi", range.high}};
  } else {
    result["reason"] = found.reason;
  }
  if (!found.measured.values.empty()) result["samples"] = found.measured.values;
  if (!found.measured.overheads.empty()) result["overhead"] = median(found.measured.overheads);
  if (found.what->measure == nullptr) result["of"] = {found.what->of, found.what->over};
  if (!found.what->claim.words.empty()) result["claim"] = claim_to_json(found);
  return result;
}

const finding& named(std::string_view id, const std::vector<finding>& all) {
  return *std::ranges::find(all, id, [](const finding& one) { return one.what->id; });
}

}  // namespace

std::string_view to_string(judged verdict) {
  switch (verdict) {
    case judged::confirmed:
      return "confirmed";
    case judged::refuted:
      return "refuted";
    case judged::undecided:
      break;
  }
  return "undecided";
}

estimate estimate_of(const std::vector<double>& values) {
  std::optional<interval> range = median_interval(values, level);
  const auto [least, most] = std::ranges::minmax(values);
  // That all of n values lie on one side of the median: 2 of 2^n cases.
  if (!range) range = {least, most, 1 - std::pow(0.5, static_cast<double>(values.size()) - 1)};
  return {.median = median(values), .range = *range};
}

std::optional<estimate> factor_of(const estimate& of, const estimate& over) {
  if (over.range.low <= 0) return std::nullopt;
  return estimate{.median = of.median / over.median,
                  .range = {.low = of.range.low / (of.range.low < 0 ? over.range.low : over.range.high),
                            .high = of.range.high / (of.range.high < 0 ? over.range.high : over.range.low),
                            .level = std::max(0.0, of.range.level + over.range.level - 1)}};
}

finding find_factor(const cost& what, const std::vector<finding>& before) {
  const finding &of = named(what.of, before), &over = named(what.over, before);
  finding found{.what = &what};
  if (!of.value || !over.value) {
    found.reason = of.value ? over.reason : of.reason;
  } else {
    found.value = factor_of(*of.value, *over.value);
    if (!found.value) found.reason = "what it is compared with is too small to be measured";
  }
  return found;
}

std::optional<judged> judge(const finding& found) {
  const notebook_claim& claim = found.what->claim;
  if (claim.words.empty() || !found.value) return std::nullopt;
  const interval& range = found.value->range;
  if (range.low >= claim.low && range.high <= claim.high) return judged::confirmed;
  return range.high < claim.low || range.low > claim.high ? judged::refuted : judged::undecided;
}

nlohmann::ordered_json to_json(const report& all) {
  json result = {{"$schema", report_schema}, {"fanout", all.version}, {"started", all.started}};
  result["machine"] = all.machine;
  result["costs"] = json::array();
  for (const finding& found : all.findings) result["costs"].push_back(to_json(found));
  return result;
}

}  // namespace lab::costs
