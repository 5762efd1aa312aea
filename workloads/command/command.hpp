// SPDX-License-Identifier: Apache-2.0
// Commands as workloads: each task is a child process.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lab/workload.hpp"
#include "workloads/native_work.hpp"

namespace workloads {

using command_words = std::vector<std::string>;

/// The words of "cmd:COMMAND ARGS", as a shell finds them: blanks separate; '…', "…" and \ keep them from doing so.
/// Nothing else means anything: there are no variables, patterns and pipes. nullopt if it does not begin with "cmd:";
/// throws lab::usage_error if there is no command, or a quote has no end.
std::optional<command_words> parse_command(std::string_view work);

/// Throws lab::usage_error as parse_command() does.
std::unique_ptr<lab::workload> make_command_workload(std::string_view work);

std::unique_ptr<native_work> make_command_work(command_words words);

}  // namespace workloads
