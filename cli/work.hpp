// SPDX-License-Identifier: Apache-2.0
// From the WORK on the command line to a workload.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "cli/options.hpp"
#include "lab/workload.hpp"

namespace cli {

struct chosen_work {
  std::unique_ptr<lab::workload> work;
  unsigned tasks;               // if the user does not say,
  std::vector<unsigned> looks;  // nor how many rounds
};

/// The workload that a WORK names (work_syntax.hpp). Throws lab::usage_error.
chosen_work choose_work(const compare_options& options);

/// Which options were given that only functions of the user's have.
std::vector<std::string_view> options_of_functions(const compare_options& options);

}  // namespace cli
