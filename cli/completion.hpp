// SPDX-License-Identifier: Apache-2.0
// What shells need to complete commands, options and their values.
#pragma once

#include <string>

#include "cli/description.hpp"

namespace cli {

/// A script to be read by bash, zsh or fish. Throws lab::usage_error for any other shell.
std::string completion_script(const tool_description& tool, const std::string& shell);

}  // namespace cli
