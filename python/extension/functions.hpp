// SPDX-License-Identifier: Apache-2.0
// The functions and types of the module _fanout.
#pragma once

#include <Python.h>

namespace fanout_python {

/// run_in_threads(call, tasks, workers, finished): call(0), call(1), … call(tasks - 1) on a thread pool; finished() is
/// called when the last has returned, before the pool is taken down.
PyObject* run_in_threads(PyObject* module, PyObject* arguments);

/// run_in_processes(command, tasks, workers, seen, start): a list with what the workers' `run` returns for each `bytes`
/// that iterating over `tasks` gives, or a `str` that says why there is nothing. For `command`, which is what starts a
/// worker, and `start`, see serving.hpp. seen(list) is called when the last task has ended, before the workers end.
PyObject* run_in_processes(PyObject* module, PyObject* arguments);

/// serve(run, leave[, load[, initialize]]): in a worker's command; calls load(), then, in a worker, initialize() if the
/// pool says so, run(bytes) → bytes for each task and leave() after the last. What is None is not called. It does not
/// return.
PyObject* serve(PyObject* module, PyObject* arguments);

/// serve_forks(run, leave[, initialize]): what workers of this program's pools will call whose start is "fork".
PyObject* serve_forks(PyObject* module, PyObject* arguments);

/// The types behind fanout.process_pool and fanout.thread_pool: process_pool(command, workers, start, initializes,
/// task_timeout, retries, memory_limit, max_tasks_per_worker), of which the last four are those of C++, the timeout in
/// seconds; and thread_pool(workers). 0 workers are as many as there are CPUs. A new reference; null with an exception
/// set.
PyObject* process_pool_type(PyObject* module);
PyObject* thread_pool_type(PyObject* module);

/// learn_gil(): makes the preloaded libfanout_gil.so know this interpreter's lock. Returns whether it has seen a holder
/// wait as well (else it assumes where that is), or a `str` that says why it does not know the lock.
PyObject* learn_gil(PyObject* module, PyObject*);

/// gil_waits_here(): how the calling thread has waited for the lock since, (its kernel id, seconds asleep, seconds of
/// them as a holder until another had taken it, seconds more until it had a CPU again, waits, seconds of the longest).
PyObject* gil_waits_here(PyObject* module, PyObject*);

/// gil_waits(): the same for every thread that has ever waited, a list. Id 0: those that have ended, together.
PyObject* gil_waits(PyObject* module, PyObject*);

/// gil_watch(): from now on, who waits for the lock and who holds it is kept. After learn_gil().
PyObject* gil_watch(PyObject* module, PyObject*);

/// gil_changes(): since then, ([(kernel id of a thread, 1 if it waits from then on, 2 if it holds it, 0 if neither,
/// when, in ns of CLOCK_MONOTONIC), …], how many more could not be kept).
PyObject* gil_changes(PyObject* module, PyObject*);

/// flush(): writes out what C code has printed.
PyObject* flush(PyObject* module, PyObject*);

}  // namespace fanout_python
