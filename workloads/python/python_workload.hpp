// SPDX-License-Identifier: Apache-2.0
// A function in a file or module of the user's, run by the user's own Python.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "lab/workload.hpp"

namespace workloads {

struct python_spec {
  std::string file;  // or a notebook; empty: it is a module
  std::string function;
  std::string async_function;  // run in its place by event loops; empty: the same
  std::vector<std::string>
      args;                 // as typed: each a Python literal or JSON, else a string; "{i}" is the number of the task
  std::string interpreter;  // empty: that of the active virtual environment, else python3 on PATH
  std::string module{};     // in place of the file, as `python -m` finds it
  std::vector<std::string> kwargs{};  // "name=value", the value as args
  std::string args_from{};            // a file of JSON lines, each with the arguments of a task; empty: none
  std::string setup{};                // code that each process runs once, after the import
  std::vector<std::string> models{};  // that will be asked for: some have to be tried
};

/// Its prepare() throws lab::usage_error for a missing file, one that cannot be imported, an unknown function, and
/// arguments that do not fit. Without a usable interpreter every model is unavailable().
std::unique_ptr<lab::workload> make_python_workload(python_spec spec);

/// How many lines a file for args_from has. Throws lab::usage_error.
unsigned count_argument_lines(const std::string& file);

/// The functions of the notebook, as a file that comes with fanout.
std::string notebook_tasks_file();

}  // namespace workloads
