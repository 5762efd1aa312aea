// SPDX-License-Identifier: Apache-2.0
// Runs a workload under several models, round by round, and keeps the record.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "lab/claim.hpp"
#include "lab/host_process.hpp"
#include "lab/record.hpp"
#include "lab/workload.hpp"

namespace lab {

struct experiment_plan {
  std::vector<std::string> models;
  std::string reference{};  // compare pairs with this model alone; empty: all pairs
  unsigned tasks, workers;
  std::uint64_t seed;
  test_plan test{.looks = automatic_looks};  // it ends at the last look, or at one when every pair is decided,
  std::vector<claim> claims{};               // and none of these is open
  unsigned warmups = 1;                      // runs of each model before the first round
  std::chrono::nanoseconds timeout{};        // of one run; none: as long as it takes
  std::chrono::nanoseconds budget{};         // it ends after the round in which this is spent; none: never
  unsigned least_rounds = 1;                 // but not before so many
};

/// Told what goes on while it goes on.
class observer {
 public:
  observer() = default;
  observer(const observer&) = delete;
  observer& operator=(const observer&) = delete;
  virtual ~observer() = default;

  virtual void started(const record& /*nothing run yet*/) {}
  virtual void measuring(unsigned /*round; 0: warming up*/, const std::string& /*model*/) {}
  virtual void measured(const run_record&) {}
  virtual void round_finished(const record& /*so far*/) {}
  virtual void tick() {}  // about ten times a second while something runs
  virtual void printed(const std::string& /*model*/, const output_line&) {}
  virtual void tracing(const std::string& /*model*/) {}  // after the last round: see trace_run.hpp
  virtual void interrupted(record /*of the rounds that are whole, to be resumed; at least one*/) {}
};

/// Every model once per round, each time in a fresh process, in the order of a random Latin square (latin_square.hpp).
/// If the first of several looks does not decide all, the rounds after it run every model several times
/// (record::repeats): as often as lets all rounds fit into the budget, 40 times at most.
/// A model whose task fails, whose host dies or takes too long is recorded with its error and left out of later rounds;
/// the others go on. Throws usage_error from the workload, and interrupted. The caller must be a subreaper (run_host).
record run_experiment(workload& work, const experiment_plan& plan, observer& watcher);

/// Goes on with an experiment that was interrupted, as if it had not been: its models run in the order in which they
/// would have, after warming up again. Claims and budget are new, as is `least_rounds`, for which the budget waits: one
/// at least is run. Throws usage_error if there is nothing to go on with, or if work, models or machine are not the
/// same.
record resume_experiment(workload& work, record begun, const std::vector<claim>& claims,
                         std::chrono::nanoseconds budget, unsigned least_rounds, observer& watcher);

/// What that would run: its record before anything has run, with the order of the first round. Throws as that does.
record plan_experiment(workload& work, const experiment_plan& plan);

}  // namespace lab
