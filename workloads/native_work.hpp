// SPDX-License-Identifier: Apache-2.0
// Work that runs in a process of ours: what a host asks of it, whatever its kind.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <fanout/task.hpp>
#include <memory>
#include <string>
#include <vector>

namespace workloads {

using bytes = std::vector<char>;

struct task_input {
  std::uint64_t amount = 0;  // of built-in work, in the unit of its kind
  unsigned number = 0;       // from 0
  bytes data{};              // what it is handed, of work with `input`; its own
};

/// What child processes have used that a task has waited for.
struct children_usage {
  std::int64_t cpu_ns = 0;
  std::int64_t run_delay_ns = 0;  // runnable, and waiting for a CPU; of the child itself, not of what it has started
  bool any = false;
};

/// What a task returns, in the terms of a host's record: {"type": "int", "value": "333…"}.
struct task_value {
  std::string type;   // "int", "float", "bool", "str", "none", or another word for what is shown as it is
  std::string value;  // as text; empty for none, and for what finish() finds out
  bytes data{};
  children_usage children{};
};

/// Which work: the same text and arguments as the user has typed. Travels to worker processes, which load it anew.
struct native_spec {
  std::string work;
  std::vector<std::string> args{};
};

/// Told by work that has an event loop of its own what goes on in it. On the loop's thread.
class loop_observer {
 public:
  loop_observer() = default;
  loop_observer(const loop_observer&) = delete;
  loop_observer& operator=(const loop_observer&) = delete;
  virtual ~loop_observer() = default;

  virtual void started(unsigned number) = 0;
  virtual void ended(unsigned number, task_value value) = 0;
  virtual void failed(unsigned number, std::string error) = 0;

  /// The loop's pulse: to be called again after so long, and so on until all tasks have ended.
  virtual std::chrono::nanoseconds beat() = 0;
};

/// A task may throw: it has failed then, and what() says why.
class native_work {
 public:
  native_work() = default;
  native_work(const native_work&) = delete;
  native_work& operator=(const native_work&) = delete;
  virtual ~native_work() = default;

  /// Runs a task to its end. From any thread, several at a time.
  virtual task_value call(task_input input) = 0;

  /// The same as a coroutine.
  virtual fanout::task<task_value> call_async(task_input input) = 0;

  /// Has it a loop of its own? Then its tasks run there under async, by run_on_own_loop(), not by call_async().
  virtual bool has_own_loop() const { return false; }
  virtual void run_on_own_loop(unsigned /*tasks*/, loop_observer&) {}

  /// What a task is handed, made before the clock starts; nothing if the number is all.
  virtual bytes input(unsigned /*number*/) const { return {}; }

  /// Looks at what it has handed back, when the clock has stopped.
  virtual void finish(task_value&) const {}
};

/// In a host, before its clock starts, and in each worker process. Throws lab::usage_error if there is no such work,
/// and std::exception if it cannot be had here.
std::unique_ptr<native_work> load_work(const native_spec& spec);

}  // namespace workloads
