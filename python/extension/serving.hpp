// SPDX-License-Identifier: Apache-2.0
// Pools whose workers are interpreters, and what these serve with: shared by the kinds of tasks that they may be sent.
#pragma once

#include <Python.h>

#include <fanout/process_pool.hpp>
#include <memory>
#include <string>
#include <vector>

namespace fanout_python {

/// What serve() or serve_forks() was given. Set once, before the first task.
struct serving {
  PyInterpreterState* interpreter = nullptr;
  PyObject* run = nullptr;
  PyObject* leave = nullptr;
  PyObject* initialize = nullptr;  // null: there is nothing to initialize
};
extern serving served;

/// In a worker, before each task and without the interpreter's lock: what it forks is its own business, and the worker
/// has something to finish.
void begin_task() noexcept;

/// Ends without the interpreter's lock: threads of its own may want it.
struct unlocked_end {
  void operator()(fanout::process_pool* pool) const;
};
using python_pool = std::unique_ptr<fanout::process_pool, unlocked_end>;

/// Of a pool of interpreters. 0 workers are as many as there are CPUs; `start` is a start method by its name. Throws
/// std::invalid_argument.
fanout::process_pool_options options_of(std::vector<std::string> command, unsigned workers, const std::string& start);

/// For process_pool_options::initializer: calls served.initialize, and throws what that raises, as a text.
void initialize_by_python();

/// The workers run options.worker_command, which must call serve(); or, by start_method::fork, they are forks of this
/// interpreter, which has called serve_forks(), and there need be no command. Called with the interpreter's lock.
python_pool pool_of_interpreters(fanout::process_pool_options options);

}  // namespace fanout_python
