// SPDX-License-Identifier: Apache-2.0
// The built-in workloads: native tasks that come with fanout. To add one, add its functions and its entry in
// builtin.cpp.
#pragma once

#include <cstdint>
#include <fanout/task.hpp>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "lab/workload.hpp"

namespace workloads {

/// What a task returns, in the terms of a host's record: {"type": "int", "value": "333…"}.
struct task_value {
  std::string type;   // "int" or "none"
  std::string value;  // empty for none
};

struct builtin {
  std::string_view name;      // "sleep", of "sleep:1.5"
  std::string_view argument;  // what stands after the colon, for messages: "SECONDS"
  std::string_view about;
  unsigned tasks;                                     // if the user does not say
  std::uint64_t (*parse)(std::string_view argument);  // → amount; throws usage_error
  task_value (*call)(std::uint64_t amount);
  fanout::task<task_value> (*call_async)(std::uint64_t amount);  // the same as a coroutine
};

std::span<const builtin> builtins();

/// A built-in workload and how much of it.
struct builtin_spec {
  const builtin* work;
  std::uint64_t amount;
};

/// Takes "sleep:1.5" apart. nullopt if no built-in workload has that name; throws lab::usage_error if its argument is
/// wrong.
std::optional<builtin_spec> parse_builtin(std::string_view spec);

/// Its hosts are this program with `__run` (builtin_host.hpp). Throws lab::usage_error.
std::unique_ptr<lab::workload> make_builtin_workload(std::string_view spec);

}  // namespace workloads
