// SPDX-License-Identifier: Apache-2.0
// Thread states, one per thread.
#include "thread_state.hpp"

#include <condition_variable>
#include <mutex>
#include <utility>

namespace fanout_python {

namespace {

/// Few may wait for the interpreter's lock to begin with. Who waits for it wakes up every 5 ms to ask for it (CPython's
/// take_gil): with a thousand at once, that is all that the CPUs do.
class door {
 public:
  void enter() {
    std::unique_lock lock(mutex_);
    one_less_.wait(lock, [this] { return waiting_ < most; });
    ++waiting_;
  }
  void leave() {
    {
      const std::lock_guard lock(mutex_);
      --waiting_;
    }
    one_less_.notify_one();
  }

 private:
  static constexpr unsigned most = 16;  // more than a pool has threads on most machines

  std::mutex mutex_;
  std::condition_variable one_less_;
  unsigned waiting_ = 0;  // guarded by the mutex
};

door to_python;

/// A thread's own state; taken down when the thread ends, before which it must have left Python.
class thread_state {
 public:
  ~thread_state() {
    if (state_ == nullptr || !ours_) return;
    take_lock();
    PyThreadState_Clear(state_);  // runs the destructors of thread-locals: needs the lock
    PyEval_SaveThread();
    PyThreadState_Delete(state_);
  }

  void enter(PyInterpreterState* interpreter) {
    if (state_ == nullptr) {
      state_ = PyThreadState_New(interpreter);
      ours_ = true;
    }
    take_lock();
  }

  void leave() { PyEval_SaveThread(); }

  void adopt(PyThreadState* state) {
    was_known_ = state_ == state;  // in a task
    state_ = state;
  }
  PyThreadState* give_up() { return was_known_ ? state_ : std::exchange(state_, nullptr); }

 private:
  void take_lock() {
    to_python.enter();
    PyEval_RestoreThread(state_);
    to_python.leave();
  }

  PyThreadState* state_ = nullptr;
  bool ours_ = false, was_known_ = false;
};

thread_local thread_state this_thread;

}  // namespace

calling_python::calling_python(PyInterpreterState* interpreter) { this_thread.enter(interpreter); }
calling_python::~calling_python() { this_thread.leave(); }

void hand_over_this_thread() { this_thread.adopt(PyEval_SaveThread()); }
void take_back_this_thread() { PyEval_RestoreThread(this_thread.give_up()); }

}  // namespace fanout_python
