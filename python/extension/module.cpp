// SPDX-License-Identifier: Apache-2.0
// The module _fanout: fanout's pools for the interpreter that loads it. Limited API: one binary for CPython 3.11 and
// later.
#include "functions.hpp"
#include "object.hpp"

#include <cstdio>

namespace fanout_python {

std::string take_error_text() {
  PyObject* type = nullptr;
  PyObject* value = nullptr;
  PyObject* traceback = nullptr;
  PyErr_Fetch(&type, &value, &traceback);
  PyErr_NormalizeException(&type, &value, &traceback);
  std::string text = "a Python error";
  if (PyObject* const shown = value == nullptr ? nullptr : PyObject_Repr(value)) {
    if (const char* const utf8 = PyUnicode_AsUTF8AndSize(shown, nullptr)) text = utf8;
    Py_DECREF(shown);
  }
  PyErr_Clear();
  Py_XDECREF(type);
  Py_XDECREF(value);
  Py_XDECREF(traceback);
  return text;
}

PyObject* flush(PyObject*, PyObject*) {
  const unlocked free;  // it may wait for who reads
  std::fflush(nullptr);
  return Py_NewRef(Py_None);
}

namespace {

PyMethodDef functions[] = {
    {"run_in_threads", run_in_threads, METH_VARARGS, "run_in_threads(call, tasks, workers, finished)"},
    {"run_in_processes", run_in_processes, METH_VARARGS, "run_in_processes(command, tasks, workers, seen, start)"},
    {"serve", serve, METH_VARARGS, "serve(run, leave[, load])"},
    {"serve_forks", serve_forks, METH_VARARGS, "serve_forks(run, leave)"},
    {"learn_gil", learn_gil, METH_NOARGS, "learn_gil()"},
    {"gil_waits_here", gil_waits_here, METH_NOARGS, "gil_waits_here()"},
    {"gil_waits", gil_waits, METH_NOARGS, "gil_waits()"},
    {"gil_watch", gil_watch, METH_NOARGS, "gil_watch()"},
    {"gil_changes", gil_changes, METH_NOARGS, "gil_changes()"},
    {"flush", flush, METH_NOARGS, "flush()"},
    {nullptr, nullptr, 0, nullptr},
};

int add_type(PyObject* module, PyObject* type) {
  if (type == nullptr) return -1;
  const int added = PyModule_AddType(module, reinterpret_cast<PyTypeObject*>(type));
  Py_DECREF(type);
  return added;
}

int fill(PyObject* module) {
  if (PyModule_AddStringConstant(module, "version", FANOUT_VERSION) < 0) return -1;
  return add_type(module, process_pool_type(module)) < 0 ? -1 : add_type(module, thread_pool_type(module));
}

PyModuleDef_Slot slots[] = {{Py_mod_exec, reinterpret_cast<void*>(fill)}, {0, nullptr}};

PyModuleDef definition = {
    .m_base = PyModuleDef_HEAD_INIT,
    .m_name = "_fanout",
    .m_doc = "fanout's pools for Python",
    .m_size = 0,
    .m_methods = functions,
    .m_slots = slots,
    .m_traverse = nullptr,
    .m_clear = nullptr,
    .m_free = nullptr,
};

}  // namespace
}  // namespace fanout_python

PyMODINIT_FUNC PyInit__fanout() { return PyModuleDef_Init(&fanout_python::definition); }
