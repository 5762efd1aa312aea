// SPDX-License-Identifier: Apache-2.0
// What the lab knows of a workload: its name, which models can run it, and the command that runs it once.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace lab {

/// The user asked for something that cannot be done: bad option, missing file, no such function. The tool exits with 2.
/// what() says what was wrong, with which input, and what to do.
class usage_error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Work that can be run under several models. One measurement is one process started with host_command();
/// what such a process does and reports is described in host_process.hpp.
class workload {
 public:
  workload() = default;
  workload(const workload&) = delete;
  workload& operator=(const workload&) = delete;
  virtual ~workload() = default;

  /// One task as a reader would write it: "sleep:1", "tasks.py:cpu_task(10000000)".
  virtual std::string title() const = 0;

  /// {"kind": "builtin"|"python"|"plugin"|"http"|"command", "spec": …, "args": […]}: goes into the record as
  /// "workload".
  virtual nlohmann::json describe() const = 0;

  /// What runs it, where that is not fanout itself: {"python": {"version": …}}. Merged into the record. {} if nothing.
  virtual nlohmann::json host() const { return nlohmann::json::object(); }

  /// Called once before anything is run; checks the workload in a process that is thrown away.
  /// Throws usage_error; never for a missing interpreter: that is what unavailable() is for.
  virtual void prepare(unsigned tasks) = 0;

  /// Why this model cannot run here ("no python3 on PATH"), or nothing if it can. Called after prepare().
  virtual std::optional<std::string> unavailable(std::string_view model) const = 0;

  /// The command, argv[0] first, that runs `tasks` tasks once under `model` with `workers` workers.
  virtual std::vector<std::string> host_command(std::string_view model, unsigned tasks, unsigned workers) const = 0;

  /// What that command finds in its environment beside what is in ours: "NAME=value" each.
  virtual std::vector<std::string> host_environment(std::string_view /*model*/) const { return {}; }
};

}  // namespace lab
