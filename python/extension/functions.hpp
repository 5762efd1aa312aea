// SPDX-License-Identifier: Apache-2.0
// The functions of the module _fanout.
#pragma once

#include <Python.h>

namespace fanout_python {

/// run_in_threads(call, tasks, workers, finished): call(0), call(1), … call(tasks - 1) on a thread pool; finished() is
/// called when the last has returned, before the pool is taken down.
PyObject* run_in_threads(PyObject* module, PyObject* arguments);

}  // namespace fanout_python
