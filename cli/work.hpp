// SPDX-License-Identifier: Apache-2.0
// From the WORK on the command line to a workload.
#pragma once

#include <memory>
#include <vector>

#include "cli/options.hpp"
#include "lab/workload.hpp"

namespace cli {

struct chosen_work {
  std::unique_ptr<lab::workload> work;
  unsigned tasks;               // if the user does not say,
  std::vector<unsigned> looks;  // nor how many rounds
};

/// sleep:S, cpu:N, FILE.py:FUNCTION, FILE.ipynb:FUNCTION or MODULE:FUNCTION. Throws lab::usage_error.
chosen_work choose_work(const compare_options& options);

/// Whether it looks like one: for messages.
bool is_work(const std::string& word);

}  // namespace cli
