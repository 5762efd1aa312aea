// SPDX-License-Identifier: Apache-2.0
// Interpreters as workers. Which processes run Python's fork handlers:
//
//   forkserver, spawn:  the command ── serve() ──▶ the nanny ──fork──▶ a worker
//   fork:               the program ─────fork────▶ the nanny ──fork──▶ a worker
//
// The worker goes on with the interpreter, and the state, of the thread that was there before the fork.
#include "serving.hpp"

#include <pthread.h>

#include <csignal>
#include <fanout/detail/foreign_runtime.hpp>
#include <fanout/process_pool.hpp>
#include <optional>
#include <stdexcept>
#include <system_error>
#include <utility>

#include "ends_with_parent.hpp"
#include "functions.hpp"
#include "object.hpp"
#include "thread_state.hpp"

namespace fanout_python {

serving served;

namespace {

/// Has this worker run a task? Else it has nothing to finish.
bool has_run = false;

/// What the program does at each signal, its interpreter's handlers among them: its nanny forgets that, and workers of
/// start "fork" are to go on with it.
class signal_actions {
 public:
  void keep() noexcept {
    for (int signal = 1; signal < NSIG; ++signal) known_[signal] = ::sigaction(signal, nullptr, &actions_[signal]) == 0;
  }
  void restore() const noexcept {
    for (int signal = 1; signal < NSIG; ++signal) {
      if (known_[signal]) ::sigaction(signal, &actions_[signal], nullptr);
    }
  }

 private:
  struct sigaction actions_[NSIG];
  bool known_[NSIG] = {};  // none before keep()
};
signal_actions of_program;

/// How many generations of processes, one after the other, are told to Python as if os.fork() had made them: those that
/// fanout forks from this one while somebody sees to that, then what is forked from these. Of the thread that forks for
/// fanout, which is the one that goes on in its child: what other threads, the user's, fork is told by os.fork()
/// itself.
thread_local unsigned told_generations = 0;

void before_fork() {
  if (told_generations == 0) return;
  take_back_this_thread();
  PyOS_BeforeFork();
}

void after_fork_in_parent() {
  if (told_generations == 0) return;
  PyOS_AfterFork_Parent();
  hand_over_this_thread();
}

void after_fork_in_child() {
  if (told_generations == 0) return;
  if (--told_generations == 0) of_program.restore();
  PyOS_AfterFork_Child();
  hand_over_this_thread();
}

/// The calling thread has given the interpreter's lock away while this lives, and what it forks is told to Python.
class telling_forks {
 public:
  explicit telling_forks(unsigned generations) {
    static const int error = ::pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child);
    if (error != 0) throw std::system_error(error, std::generic_category(), "pthread_atfork");
    hand_over_this_thread();
    told_generations = generations;
  }
  telling_forks(const telling_forks&) = delete;
  telling_forks& operator=(const telling_forks&) = delete;
  ~telling_forks() {
    told_generations = 0;
    take_back_this_thread();
  }
};

/// When a worker ends.
void leave() {
  if (!has_run) return;
  const calling_python here(served.interpreter);
  Py_XDECREF(PyObject_CallNoArgs(served.leave));
  PyErr_Clear();
}

bool is_given(PyObject* value) { return value != nullptr && value != Py_None; }

void serve_with(PyObject* run, PyObject* leaving, PyObject* initialize) {
  served.interpreter = PyInterpreterState_Get();
  Py_XDECREF(std::exchange(served.run, Py_NewRef(run)));
  Py_XDECREF(std::exchange(served.leave, Py_NewRef(leaving)));
  Py_XDECREF(std::exchange(served.initialize, is_given(initialize) ? Py_NewRef(initialize) : nullptr));
  fanout::detail::at_worker_leave(leave);
}

/// What the nanny is to have loaded before it forks workers. Its variable is taken away first: it is not the user's.
void load_first(PyObject* load) {
  fanout::is_worker_process();
  const ends_with_parent while_it_loads;
  object::steal(PyObject_CallNoArgs(load));
}

fanout::start_method start_method_of(const std::string& name) {
  using fanout::start_method;
  if (name == "forkserver") return start_method::forkserver;
  if (name == "spawn") return start_method::spawn;
  if (name == "fork") return start_method::fork;
  throw std::invalid_argument("start is 'forkserver', 'spawn' or 'fork', not '" + name + "'");
}

}  // namespace

fanout::process_pool_options options_of(std::vector<std::string> command, unsigned workers, const std::string& start) {
  fanout::process_pool_options options{.start = start_method_of(start), .worker_command = std::move(command)};
  if (workers != 0) options.workers = workers;
  return options;
}

void begin_task() noexcept {
  told_generations = 0;
  has_run = true;
}

void initialize_by_python() {
  begin_task();
  const calling_python here(served.interpreter);
  try {
    object::steal(PyObject_CallNoArgs(served.initialize));
  } catch (const python_error&) {
    throw std::runtime_error(take_error_text());
  }
}

void unlocked_end::operator()(fanout::process_pool* pool) const {
  const unlocked while_workers_leave;
  delete pool;
}

python_pool pool_of_interpreters(fanout::process_pool_options options) {
  if (options.start != fanout::start_method::fork) {
    const unlocked while_it_starts;
    return python_pool(new fanout::process_pool(std::move(options)));
  }
  options.worker_command.clear();
  of_program.keep();
  fanout::detail::keep_descriptors_in_forks();
  const telling_forks of_nanny_and_workers(2);
  return python_pool(new fanout::process_pool(std::move(options)));
}

PyObject* serve(PyObject*, PyObject* arguments) {
  PyObject* run = nullptr;
  PyObject* leaving = nullptr;
  PyObject* load = nullptr;
  PyObject* initialize = nullptr;
  if (!PyArg_ParseTuple(arguments, "OO|OO", &run, &leaving, &load, &initialize)) return nullptr;
  return guarded([&]() -> object {
    serve_with(run, leaving, initialize);
    if (is_given(load)) load_first(load);
    {
      const telling_forks of_workers(1);
      fanout::init(0, nullptr);
    }
    throw std::runtime_error("this program is started by fanout, as a worker of a process pool");
  });
}

PyObject* serve_forks(PyObject*, PyObject* arguments) {
  PyObject* run = nullptr;
  PyObject* leaving = nullptr;
  PyObject* initialize = nullptr;
  if (!PyArg_ParseTuple(arguments, "OO|O", &run, &leaving, &initialize)) return nullptr;
  return guarded([&] {
    serve_with(run, leaving, initialize);
    return object::steal(Py_NewRef(Py_None));
  });
}

}  // namespace fanout_python
