// SPDX-License-Identifier: Apache-2.0
// Why the models are as fast as they are: rules on a record, each with its evidence; what could be reached at best; and
// what to do. Pure.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "lab/analysis.hpp"
#include "lab/record.hpp"

namespace lab {

/// A rule that holds. docs/method.md has them all.
struct finding {
  std::string rule;                 // its id: "cpu_bound"
  std::vector<std::string> models;  // of which it speaks
  std::string text;                 // with the evidence in it
  nlohmann::ordered_json evidence;  // the same as numbers
};

struct diagnosis {
  std::vector<finding> why;
  std::vector<finding> cautions;

  struct bound {
    double speedup;  // no model can be faster than its longest task, nor than its CPU work on all CPUs
    double reached;  // the most that any has
    std::string model;
    unsigned cpus;
    std::string over;  // what both are relative to: the reference, or serial
  };
  std::optional<bound> best_possible{};
  std::string advice{};  // in a line; empty if nothing is shown

  /// Ids of what speaks of a model.
  std::vector<std::string> rules_of(const std::string& model) const;
};

diagnosis diagnose(const record& experiment, const analysis& found);

/// "2.00× is possible on 2 CPUs; threads reached 1.98×".
std::string best_possible_in_words(const diagnosis::bound& best);

/// "why", "cautions", "best_possible" and "advice", those that there are.
void add_to_json(const diagnosis& why, nlohmann::ordered_json& record);

}  // namespace lab
