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

/// Imports the file in a process that is thrown away; what is wrong with it, its functions or the arguments.
/// Throws lab::cannot_start and lab::interrupted.
std::optional<std::string> problem_with(const interpreter& python, const std::string& file,
                                        const std::vector<std::string>& functions,
                                        const std::vector<std::string>& args);

}  // namespace workloads
