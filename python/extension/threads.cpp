// SPDX-License-Identifier: Apache-2.0
// The model threads: Python calls on fanout's thread pool, which contend for the interpreter's lock as any threads do.
#include <fanout/thread_pool.hpp>
#include <stdexcept>
#include <vector>

#include "functions.hpp"
#include "object.hpp"
#include "thread_state.hpp"

namespace fanout_python {

namespace {

/// On a worker.
void call_with(PyInterpreterState* interpreter, PyObject* call, Py_ssize_t number) {
  const calling_python here(interpreter);
  PyObject* const result = PyObject_CallFunction(call, "n", number);
  if (result == nullptr) throw std::runtime_error(take_error_text());
  Py_DECREF(result);
}

void run_all(fanout::thread_pool& pool, PyInterpreterState* interpreter, PyObject* call, Py_ssize_t tasks) {
  std::vector<fanout::future<void>> running;
  for (Py_ssize_t number = 0; number < tasks; ++number) {
    running.push_back(pool.submit(call_with, interpreter, call, number));
  }
  for (auto& task : running) task.get();
}

}  // namespace

PyObject* run_in_threads(PyObject*, PyObject* arguments) {
  PyObject* call = nullptr;
  PyObject* finished = nullptr;
  Py_ssize_t tasks = 0;
  unsigned workers = 0;
  if (!PyArg_ParseTuple(arguments, "OnIO", &call, &tasks, &workers, &finished)) return nullptr;
  return guarded([&] {
    PyInterpreterState* const interpreter = PyInterpreterState_Get();
    unlocked free;  // outlives the pool: its threads need the lock to end
    fanout::thread_pool pool(workers);
    run_all(pool, interpreter, call, tasks);
    return free.locked([&] { return object::steal(PyObject_CallNoArgs(finished)); });
  });
}

}  // namespace fanout_python
