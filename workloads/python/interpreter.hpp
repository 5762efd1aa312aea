// SPDX-License-Identifier: Apache-2.0
// Which Python, whether it can host a workload, and what it says about the user's function.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "lab/guardian.hpp"

namespace workloads {

/// The folder with host.py, the extension and what else belongs to them: ../lib/fanout beside this program.
std::string support_directory();

/// A Python that has been asked what it is.
struct interpreter {
  std::string executable;               // the interpreter itself, whatever shims led to it
  nlohmann::json about;                 // {"version", "executable", "implementation"}
  nlohmann::json models;                // {name: null or why it cannot run on it}
  nlohmann::json abilities{};           // {"gil": it has one and it is on, "subinterpreters": with a GIL each}
  bool too_old = false;                 // that is why it is unusable
  std::optional<std::string> unusable;  // why nothing can run on it, first in one line; the rest is then meaningless
};

/// Finds and asks it; `wanted` is the user's choice or empty. Throws lab::interrupted.
interpreter find_interpreter(const std::string& wanted);

/// The unusable one that was found, but that cannot be run after all.
interpreter cannot_be_started(const std::string& command, const lab::cannot_start& error);

/// The user's function and its arguments, as options of host.py's.
struct python_task {
  std::string source;  // "tasks.py", "package.module": for messages
  std::vector<std::string> options;
};

/// What an import of that has shown, in a process that is thrown away.
struct examination {
  std::optional<std::string> problem;  // what is wrong with it, its functions or the arguments
  std::vector<std::string> notes{};    // what the user should know
  nlohmann::json models{};             // as in interpreter, for this function
};

/// Throws lab::cannot_start and lab::interrupted.
examination examine(const interpreter& python, const python_task& task);

/// Why that model cannot run it, of those that have to be tried: "subinterpreters". Nothing: it can. Throws as
/// examine().
std::optional<std::string> try_model(const interpreter& python, const python_task& task, const std::string& model);

}  // namespace workloads
