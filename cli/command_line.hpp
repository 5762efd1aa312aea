// SPDX-License-Identifier: Apache-2.0
// The command line: commands, options, help.
#pragma once

#include <string>
#include <variant>
#include <vector>

#include "cli/options.hpp"

namespace cli {

/// --help and --version: print this, and that is all.
struct show_text {
  std::string text;
};

/// The hidden command `__run`: be the host of one measurement.
struct run_host_options {
  std::string spec, model;
  std::vector<std::string> args{};
  unsigned tasks = 1, workers = 1;
};

/// The hidden command `__check`: load a plugin, and say what it exports.
struct check_host_options {
  std::string spec;
  std::vector<std::string> args{};
};

using command = std::variant<show_text, compare_options, explain_options, self_test_options, run_host_options,
                             check_host_options, costs_options, cost_host_options, doctor_options>;

/// Throws lab::usage_error.
command parse_command_line(int argc, char** argv);

}  // namespace cli
