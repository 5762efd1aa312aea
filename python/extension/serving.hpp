// SPDX-License-Identifier: Apache-2.0
// What a worker serves with: shared by the kinds of tasks that it may be sent.
#pragma once

#include <Python.h>

namespace fanout_python {

/// What serve() was given. Set once, before the first task.
struct serving {
  PyInterpreterState* interpreter = nullptr;
  PyObject* run = nullptr;
  PyObject* leave = nullptr;
};
extern serving served;

/// In a worker, before each task and without the interpreter's lock: what it forks is its own business, and the worker
/// has something to finish.
void begin_task() noexcept;

}  // namespace fanout_python
