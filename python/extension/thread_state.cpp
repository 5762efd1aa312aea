// SPDX-License-Identifier: Apache-2.0
// Thread states, one per thread.
#include "thread_state.hpp"

namespace fanout_python {

namespace {

/// A thread's own state; taken down when the thread ends, before which it must have left Python.
class thread_state {
 public:
  ~thread_state() {
    if (state_ == nullptr) return;
    PyEval_RestoreThread(state_);
    PyThreadState_Clear(state_);  // runs the destructors of thread-locals: needs the lock
    PyEval_SaveThread();
    PyThreadState_Delete(state_);
  }

  void enter(PyInterpreterState* interpreter) {
    if (state_ == nullptr) state_ = PyThreadState_New(interpreter);
    PyEval_RestoreThread(state_);
  }

  void leave() { PyEval_SaveThread(); }

 private:
  PyThreadState* state_ = nullptr;
};

thread_local thread_state this_thread;

}  // namespace

calling_python::calling_python(PyInterpreterState* interpreter) { this_thread.enter(interpreter); }
calling_python::~calling_python() { this_thread.leave(); }

}  // namespace fanout_python
