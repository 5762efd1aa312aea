// SPDX-License-Identifier: Apache-2.0
// What a WORK on the command line may be.
#pragma once

#include <string>
#include <variant>

#include "workloads/builtin.hpp"
#include "workloads/command/command.hpp"
#include "workloads/http/http.hpp"
#include "workloads/plugin/plugin.hpp"

namespace cli {

/// tasks.py:cpu_task, notebook.ipynb:cpu_task, or package.module:Class.method.
struct python_function {
  std::string file, module, function;  // of the first two one is empty
};

using work_syntax = std::variant<workloads::builtin_spec, python_function, workloads::plugin_spec, workloads::http_spec,
                                 workloads::command_words>;

/// Takes it apart, and looks at nothing but the text. Throws lab::usage_error that says what is wrong, and what WORK
/// can be.
work_syntax parse_work(const std::string& work);

/// Whether it looks like one: for messages.
bool is_work(const std::string& word);

}  // namespace cli
