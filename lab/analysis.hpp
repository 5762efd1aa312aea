// SPDX-License-Identifier: Apache-2.0
// What a record means: costs per model, verdicts, failures, and whether all models returned the same. A pure function.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "lab/decomposition.hpp"
#include "lab/record.hpp"
#include "lab/statistics.hpp"

namespace lab {

/// Medians over the runs of one model.
struct model_summary {
  std::string model;
  unsigned rank = 0;  // 0: there is no verdict
  double median_s = 0, min_s = 0, max_s = 0;
  double setup_s = 0, cpu_s = 0;
  std::optional<double> cores{};  // nothing if the clocks are too coarse to tell
  double peak_bytes = 0;
  double voluntary_switches = 0, involuntary_switches = 0;
  double minor_faults = 0, major_faults = 0;
  std::optional<double> vmhwm_tree_bytes{}, shipped_bytes{}, max_lag_s{};
  std::optional<decomposition> time{};           // of all rounds together; nothing if any run has none
  std::optional<double> speedup_vs_serial{};     // nothing if serial was not measured
  std::optional<double> speedup_vs_reference{};  // nothing if there is none
};

/// The same error, told once.
struct failure {
  std::vector<std::string> models;
  std::string error, summary;
  std::size_t failed = 0, tasks = 0;  // tasks of the first such run; 0 if the host died or never began
};

/// What the tasks of a run returned, in the tasks' order, and the models that returned it.
struct returned_values {
  std::vector<std::pair<std::string, nlohmann::json>> tasks;  // type and value
  std::vector<std::string> models;
};

struct analysis {
  std::vector<model_summary> models;  // those measured without failure, best first
  std::vector<comparison> pairs;  // a, b: indices into `compared`; none if the values differ, or without a reference
  std::vector<std::string> compared;  // the measured models in the order asked for
  std::vector<failure> failures;
  std::vector<returned_values> values;  // more than one: the models' results differ

  bool values_differ() const { return values.size() > 1; }
  /// The verdict between two measured models; the pair may be stored either way round.
  verdict between(const std::string& a, const std::string& b) const;
  /// How many times as fast a is as b, of which one is the reference if there is one.
  double ratio(const std::string& a, const std::string& b) const;
  /// Where that is, by Student's t; nothing if the two were not compared in two rounds.
  std::optional<interval> range(const std::string& a, const std::string& b) const;
};

analysis analyse(const record& experiment);

}  // namespace lab
