// SPDX-License-Identifier: Apache-2.0
// How threads that Python did not start call Python: each has one thread state, made at its first call and kept until
// the thread ends. (PyGILState_Ensure would make and destroy one around every call, and thread-locals with it.)
#pragma once

#include <Python.h>

namespace fanout_python {

/// The calling thread holds the interpreter's lock while this lives. Not to be nested.
class calling_python {
 public:
  explicit calling_python(PyInterpreterState* interpreter);
  calling_python(const calling_python&) = delete;
  calling_python& operator=(const calling_python&) = delete;
  ~calling_python();
};

}  // namespace fanout_python
