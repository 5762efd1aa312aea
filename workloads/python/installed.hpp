// SPDX-License-Identifier: Apache-2.0
// The Pythons of this machine, for `fanout doctor`.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace workloads {

struct installed_python {
  std::string command;  // as it was found: "/usr/bin/python3"
  std::string executable{}, version{}, implementation{};
  bool gil = true;                  // it has one, and it is on
  bool subinterpreters = false;     // each can have a GIL of its own
  std::string extension_problem{};  // why ours cannot be loaded; empty: it can
  bool too_old = false;
  std::string problem{};  // why nothing can run on it; the rest is then meaningless
};

/// That of the active virtual environment, then python3, python and python3.N of the folders on PATH, each program
/// once. Each is asked in a process of its own. Throws lab::interrupted.
std::vector<installed_python> find_pythons();

nlohmann::ordered_json to_json(const installed_python& found);

}  // namespace workloads
