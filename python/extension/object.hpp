// SPDX-License-Identifier: Apache-2.0
// Python's C API with C++'s manners: owned references, errors as exceptions, and the interpreter's lock by scope.
#pragma once

#include <Python.h>

#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace fanout_python {

/// Python's current exception goes on: it is set, and nothing is to be added.
struct python_error {};

/// An owned reference. Copied and destroyed only by threads that hold the interpreter's lock.
class object {
 public:
  object() = default;
  /// Takes over a new reference; throws python_error if there is none.
  static object steal(PyObject* reference) {
    if (reference == nullptr) throw python_error();
    return object(reference);
  }
  object(object&& other) noexcept : reference_(std::exchange(other.reference_, nullptr)) {}
  object& operator=(object&& other) noexcept {
    std::swap(reference_, other.reference_);
    return *this;
  }
  ~object() { Py_XDECREF(reference_); }

  PyObject* get() const { return reference_; }
  PyObject* release() { return std::exchange(reference_, nullptr); }

 private:
  explicit object(PyObject* reference) : reference_(reference) {}
  PyObject* reference_ = nullptr;
};

/// The bytes of a `bytes`; throws python_error if it is none.
inline std::string bytes_of(PyObject* bytes) {
  char* data = nullptr;
  Py_ssize_t size = 0;
  if (PyBytes_AsStringAndSize(bytes, &data, &size) < 0) throw python_error();
  return {data, static_cast<std::size_t>(size)};
}

/// The elements of a list of `bytes`; throws python_error.
std::vector<std::string> strings_of(PyObject* list);

/// Python's current exception, taken away and turned into text: "ValueError: no".
std::string take_error_text();

/// What destructors call may fail: the exception that is on its way is kept, theirs is not.
class current_error {
 public:
  current_error() { PyErr_Fetch(&type_, &value_, &traceback_); }
  current_error(const current_error&) = delete;
  current_error& operator=(const current_error&) = delete;
  ~current_error() { PyErr_Restore(type_, value_, traceback_); }

 private:
  PyObject *type_ = nullptr, *value_ = nullptr, *traceback_ = nullptr;
};

/// The calling thread gives the interpreter's lock away while this lives.
class unlocked {
 public:
  unlocked() : state_(PyEval_SaveThread()) {}
  unlocked(const unlocked&) = delete;
  unlocked& operator=(const unlocked&) = delete;
  ~unlocked() { PyEval_RestoreThread(state_); }

  /// Calls f with the lock held.
  template <class F>
  auto locked(F f) {
    PyEval_RestoreThread(state_);
    struct again {
      PyThreadState*& state;
      ~again() { state = PyEval_SaveThread(); }
    } const give_back{state_};
    return f();
  }

 private:
  PyThreadState* state_;
};

/// A type of this module; its name and methods are static.
struct type_parts {
  const char* name;
  std::size_t size;
  newfunc make;
  destructor destroy;
  PyMethodDef* methods;
};
inline PyObject* new_type(PyObject* module, const type_parts& parts) {
  PyType_Slot slots[] = {
      {Py_tp_new, reinterpret_cast<void*>(parts.make)},
      {Py_tp_dealloc, reinterpret_cast<void*>(parts.destroy)},
      {Py_tp_methods, parts.methods},
      {0, nullptr},
  };
  PyType_Spec spec = {.name = parts.name,
                      .basicsize = static_cast<int>(parts.size),
                      .itemsize = 0,
                      .flags = Py_TPFLAGS_DEFAULT,
                      .slots = slots};
  return PyType_FromModuleAndSpec(module, &spec, nullptr);
}

/// The body of a function that Python calls: a C++ exception becomes a RuntimeError.
template <class F>
PyObject* guarded(F body) noexcept {
  try {
    return body().release();
  } catch (const python_error&) {
  } catch (const std::exception& error) {
    PyErr_SetString(PyExc_RuntimeError, error.what());
  } catch (...) {
    PyErr_SetString(PyExc_RuntimeError, "an error of unknown type");
  }
  return nullptr;
}

}  // namespace fanout_python
