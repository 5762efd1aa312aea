// SPDX-License-Identifier: Apache-2.0
// The built-in workloads: native tasks that come with fanout. To add one, add its file to builtin/ and its line to the
// table in builtin.cpp.
#pragma once

#include <cstdint>
#include <fanout/task.hpp>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "lab/workload.hpp"
#include "workloads/native_work.hpp"

namespace workloads {

struct builtin {
  std::string_view name;      // "sleep", of "sleep:1.5"
  std::string_view argument;  // what stands after the colon, for messages: "SECONDS"
  std::string_view example;   // such an argument
  std::string_view about;
  unsigned tasks;  // if the user does not say
  enum class unit { seconds, count, bytes } in;
  std::uint64_t most;  // the greatest amount; of seconds in nanoseconds, as the amount is then
  task_value (*call)(task_input);
  fanout::task<task_value> (*call_async)(task_input);  // the same as a coroutine

  // Only of work whose data matter: what each task is handed is made before the clock starts, and what it hands back
  // looked at when the clock has stopped.
  bytes (*input)(std::uint64_t amount, unsigned number) = nullptr;
  std::string (*value_of)(const bytes& returned) = nullptr;
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

/// Throws lab::usage_error.
std::unique_ptr<lab::workload> make_builtin_workload(std::string_view spec);

std::unique_ptr<native_work> make_builtin_work(const builtin_spec& spec);

}  // namespace workloads
