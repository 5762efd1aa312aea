// SPDX-License-Identifier: Apache-2.0
// A function in a file of the user's, run by the user's own Python.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "lab/workload.hpp"

namespace workloads {

struct python_spec {
  std::string file;
  std::string function;
  std::string async_function;  // run in its place by the model async; empty: the same
  std::vector<std::string>
      args;                 // as typed: each a Python literal or JSON, else a string; "{i}" is the number of the task
  std::string interpreter;  // empty: that of the active virtual environment, else python3 on PATH
};

/// Its prepare() throws lab::usage_error for a missing file, one that cannot be imported, an unknown function, and
/// arguments that do not fit. Without a usable interpreter every model is unavailable().
std::unique_ptr<lab::workload> make_python_workload(python_spec spec);

/// The functions of the notebook, as a file that comes with fanout.
std::string notebook_tasks_file();

}  // namespace workloads
