// SPDX-License-Identifier: Apache-2.0
// The type _fanout.thread_pool, under the Python class of that name: calls on fanout's thread pool.
#include <sys/types.h>
#include <unistd.h>

#include <fanout/thread_pool.hpp>

#include <memory>
#include <utility>

#include "functions.hpp"
#include "object.hpp"
#include "thread_state.hpp"

namespace fanout_python {

namespace {

struct pool_object {
  PyObject_HEAD fanout::thread_pool* self;
  pid_t owner;  // in a child made by fork there are no threads that could be waited for
};

fanout::thread_pool& pool_of(PyObject* self) { return *reinterpret_cast<pool_object*>(self)->self; }

/// On a worker; gives up its reference to the function.
void call(PyInterpreterState* interpreter, PyObject* function) {
  const calling_python here(interpreter);
  PyObject* const result = PyObject_CallNoArgs(function);
  if (result == nullptr) PyErr_WriteUnraisable(function);
  Py_XDECREF(result);
  Py_DECREF(function);
}

PyObject* make(PyTypeObject* type, PyObject* arguments, PyObject*) {
  unsigned workers = 0;
  if (!PyArg_ParseTuple(arguments, "I", &workers)) return nullptr;
  return guarded([&] {
    fanout::thread_pool_options options;
    if (workers != 0) options.workers = workers;
    auto made = std::make_unique<fanout::thread_pool>(std::move(options));
    const auto allocate = reinterpret_cast<allocfunc>(PyType_GetSlot(type, Py_tp_alloc));
    object self = object::steal(allocate(type, 0));
    auto* const pool = reinterpret_cast<pool_object*>(self.get());
    pool->owner = ::getpid();
    pool->self = made.release();
    return self;
  });
}

void destroy(PyObject* self) {
  if (auto* const pool = reinterpret_cast<pool_object*>(self); pool->owner == ::getpid()) {
    const unlocked while_threads_end;
    delete pool->self;
  }
  PyTypeObject* const type = Py_TYPE(self);
  reinterpret_cast<freefunc>(PyType_GetSlot(type, Py_tp_free))(self);
  Py_DECREF(type);
}

PyObject* post(PyObject* self, PyObject* function) {
  return guarded([&] {
    PyInterpreterState* const interpreter = PyInterpreterState_Get();
    pool_of(self).post([interpreter, function] { call(interpreter, function); });
    Py_INCREF(function);  // it cannot be called before this thread gives the lock away
    return object::steal(Py_NewRef(Py_None));
  });
}

PyObject* close(PyObject* self, PyObject*) {
  return guarded([&] {
    {
      const unlocked while_threads_end;
      pool_of(self).shutdown();
    }
    return object::steal(Py_NewRef(Py_None));
  });
}

PyObject* workers(PyObject* self, PyObject*) { return PyLong_FromUnsignedLong(pool_of(self).workers()); }

}  // namespace

PyObject* thread_pool_type(PyObject* module) {
  static PyMethodDef methods[] = {
      {"post", post, METH_O, "post(function)"},
      {"workers", workers, METH_NOARGS, "workers()"},
      {"close", close, METH_NOARGS, "close()"},
      {nullptr, nullptr, 0, nullptr},
  };
  return new_type(module, {"_fanout.thread_pool", sizeof(pool_object), make, destroy, methods});
}

}  // namespace fanout_python
