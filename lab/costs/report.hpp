// SPDX-License-Identifier: Apache-2.0
// What came out of `fanout costs`: data, and what it says of the notebook's claims. Pure.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lab/costs/catalogue.hpp"
#include "lab/costs/effort.hpp"
#include "lab/statistics.hpp"

namespace lab::costs {

/// Which form reports have as JSON: schema/fanout-costs-1.json describes it. Keys may be added to it.
inline constexpr std::string_view report_schema = "fanout-costs-1.json";

struct estimate {
  double median = 0;
  interval range{};
};

enum class judged { confirmed, refuted, undecided };
std::string_view to_string(judged verdict);

struct finding {
  const cost* what = nullptr;
  measurement measured{};           // empty for factors
  std::optional<estimate> value{};  // nothing if it could not be measured;
  std::string reason{};             // then why, first in one line
};

struct report {
  std::string version{}, started{};  // started: UTC, ISO 8601
  nlohmann::json machine{};
  std::vector<finding> findings{};
};

/// The median with its exact interval of 95 % or more. Of fewer than six values the interval is that of their extremes,
/// at the level it has. At least one value.
estimate estimate_of(const std::vector<double>& values);

/// Of two medians. Its interval is wide enough for both of theirs to be at their ends, so it holds the true factor no
/// less often than both hold theirs. Nothing if `over` may be 0 or less.
std::optional<estimate> factor_of(const estimate& of, const estimate& over);

/// The factor of two findings, as a finding.
finding find_factor(const cost& what, const std::vector<finding>& before);

/// Nothing without a claim, or without a value. Undecided: a part of the interval is in the range that is claimed.
std::optional<judged> judge(const finding& found);

nlohmann::ordered_json to_json(const report& all);

}  // namespace lab::costs
