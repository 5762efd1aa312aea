// SPDX-License-Identifier: Apache-2.0
// Pools whose workers are interpreters, and what these serve with: shared by the kinds of tasks that they may be sent.
#pragma once

#include <Python.h>

#include <memory>
#include <string>
#include <vector>

namespace fanout {
class process_pool;
}

namespace fanout_python {

/// What serve() or serve_forks() was given. Set once, before the first task.
struct serving {
  PyInterpreterState* interpreter = nullptr;
  PyObject* run = nullptr;
  PyObject* leave = nullptr;
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

/// The workers run `command`, which must call serve(), and `start` is "forkserver" or "spawn"; or it is "fork": forks
/// of this interpreter, which has called serve_forks(). 0 workers are as many as there are CPUs. Called with the
/// interpreter's lock.
python_pool pool_of_interpreters(std::vector<std::string> command, unsigned workers, const std::string& start);

}  // namespace fanout_python
