// SPDX-License-Identifier: Apache-2.0
// Functions of a shared library that <fanout/export.hpp> has exported, as workloads.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lab/workload.hpp"
#include "workloads/native_work.hpp"

namespace workloads {

struct plugin_spec {
  std::string file;      // "./libtasks.so"
  std::string function;  // "cpu_task", "tasks::cpu_task"; empty: none was named
};

/// Takes "./libtasks.so:cpu_task" apart; nullopt if it is of another form. Looks at no file.
std::optional<plugin_spec> parse_plugin(std::string_view work);

/// The nearest of some words to one that is none of them.
using word_finder = std::function<std::optional<std::string>(std::string_view, const std::vector<std::string>&)>;

std::unique_ptr<lab::workload> make_plugin_workload(native_spec spec, word_finder nearest);

/// Loads the library into this process, for as long as it lives. Throws std::runtime_error that says what is wrong.
std::unique_ptr<native_work> load_plugin_work(const plugin_spec& plugin, const std::vector<std::string>& args);

/// The hidden command `__check`, in a process that is thrown away: loads the library, and writes as its record
/// {"functions": [{"name", "parameters"}], "problem": null, or what is wrong with the arguments}, or
/// {"error": why it cannot be loaded}. Returns the exit code.
int check_plugin(const native_spec& spec);

}  // namespace workloads
