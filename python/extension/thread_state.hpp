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

/// Makes the state of a thread that Python knows already the one calling_python uses. The caller holds the lock, and
/// loses it.
void hand_over_this_thread();

/// The opposite: the caller holds the lock again.
void take_back_this_thread();

}  // namespace fanout_python
