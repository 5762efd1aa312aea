// SPDX-License-Identifier: Apache-2.0
// Thread states, one per thread.
#include "thread_state.hpp"

#include <utility>

namespace fanout_python {

namespace {

/// A thread's own state; taken down when the thread ends, before which it must have left Python.
class thread_state {
 public:
  ~thread_state() {
    if (state_ == nullptr || !ours_) return;
    PyEval_RestoreThread(state_);
    PyThreadState_Clear(state_);  // runs the destructors of thread-locals: needs the lock
    PyEval_SaveThread();
    PyThreadState_Delete(state_);
  }

  void enter(PyInterpreterState* interpreter) {
    if (state_ == nullptr) {
      state_ = PyThreadState_New(interpreter);
      ours_ = true;
    }
    PyEval_RestoreThread(state_);
  }

  void leave() { PyEval_SaveThread(); }

  void adopt(PyThreadState* state) { state_ = state; }
  PyThreadState* give_up() { return std::exchange(state_, nullptr); }

 private:
  PyThreadState* state_ = nullptr;
  bool ours_ = false;
};

thread_local thread_state this_thread;

}  // namespace

calling_python::calling_python(PyInterpreterState* interpreter) { this_thread.enter(interpreter); }
calling_python::~calling_python() { this_thread.leave(); }

void hand_over_this_thread() { this_thread.adopt(PyEval_SaveThread()); }
void take_back_this_thread() { PyEval_RestoreThread(this_thread.give_up()); }

}  // namespace fanout_python
