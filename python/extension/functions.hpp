// SPDX-License-Identifier: Apache-2.0
// The functions of the module _fanout.
#pragma once

#include <Python.h>

namespace fanout_python {

/// run_in_threads(call, tasks, workers, finished): call(0), call(1), … call(tasks - 1) on a thread pool; finished() is
/// called when the last has returned, before the pool is taken down.
PyObject* run_in_threads(PyObject* module, PyObject* arguments);

/// run_in_processes(command, tasks, workers, finished, seen): a list with what serve()'s `run` returns for each `bytes`
/// of the list `tasks`, or a `str` that says why there is nothing. `command` is what starts a worker, which must call
/// serve(). finished() is called when the last task has ended; then seen(list), before the workers end.
PyObject* run_in_processes(PyObject* module, PyObject* arguments);

/// serve(run, leave): in a worker; calls run(bytes) → bytes for each task, leave() after the last, and does not return.
PyObject* serve(PyObject* module, PyObject* arguments);

/// flush(): writes out what C code has printed.
PyObject* flush(PyObject* module, PyObject*);

}  // namespace fanout_python
