// SPDX-License-Identifier: Apache-2.0
// The model processes: fanout's process pool with workers that are interpreters. A task travels as bytes of Python's
// own making; the one function that is shipped lives here, in the module that both sides have loaded.
#include <pthread.h>

#include <deque>
#include <fanout/detail/archive.hpp>
#include <fanout/detail/worker_leave.hpp>
#include <fanout/errors.hpp>
#include <fanout/process_pool.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "functions.hpp"
#include "object.hpp"
#include "serving.hpp"
#include "thread_state.hpp"

namespace fanout_python {

serving served;

namespace {

/// Has this worker run a task? Else it has nothing to finish.
bool has_run = false;

/// While fanout::init() may fork workers of this process, which Python must be told of as if os.fork() did it.
bool forks_workers = false;

void before_fork() {
  if (!forks_workers) return;
  take_back_this_thread();
  PyOS_BeforeFork();
}

void after_fork_in_parent() {
  if (!forks_workers) return;
  PyOS_AfterFork_Parent();
  hand_over_this_thread();
}

void after_fork_in_child() {
  if (!std::exchange(forks_workers, false)) return;
  PyOS_AfterFork_Child();
  hand_over_this_thread();
}

/// A task: in the program where Python has it, in the worker where it arrived, as long as it runs. Megabytes are not
/// copied more often than they must.
struct task_bytes {
  std::string_view bytes;

  void save(fanout::detail::writer& to) const { to.buffer().append(bytes.data(), bytes.size()); }
  void load(fanout::detail::reader& from) {
    const auto all = from.bytes(from.left());
    bytes = {reinterpret_cast<const char*>(all.data()), all.size()};
  }
};

/// In a worker.
std::string run_task(const task_bytes& task) {
  begin_task();
  const calling_python here(served.interpreter);
  try {
    char* const data = const_cast<char*>(task.bytes.data());  // which is only read
    const object input = object::steal(PyMemoryView_FromMemory(data, std::ssize(task.bytes), PyBUF_READ));
    return bytes_of(object::steal(PyObject_CallFunctionObjArgs(served.run, input.get(), nullptr)).get());
  } catch (const python_error&) {
    throw std::runtime_error(take_error_text());
  }
}

/// When a worker ends.
void leave() {
  if (!has_run) return;
  const calling_python here(served.interpreter);
  Py_XDECREF(PyObject_CallNoArgs(served.leave));
  PyErr_Clear();
}

/// What came of a task: the bytes that run_task returned, or why there are none.
struct answer {
  bool ok;
  std::string content;
};

/// An error of the pool itself is thrown: then the other tasks have the same.
answer wait_for(fanout::future<std::string>& task) {
  try {
    return {true, task.get()};
  } catch (const fanout::pool_broken&) {
    throw;
  } catch (const fanout::not_importable&) {
    throw;
  } catch (const std::exception& error) {
    return {false, error.what()};
  }
}

/// Tasks on their way, and what came of those before them. What waits to be sent is copied: of large tasks there are no
/// more than keep the workers busy. Used with the interpreter's lock.
class run_of_tasks {
 public:
  explicit run_of_tasks(fanout::process_pool& pool) : pool_(pool) {}

  /// Each as Python makes it, while workers start.
  std::vector<answer> run(PyObject* tasks) {
    const object each = object::steal(PyObject_GetIter(tasks));
    while (PyObject* const next = PyIter_Next(each.get())) submit(object::steal(next));
    if (PyErr_Occurred() != nullptr) throw python_error();
    const unlocked while_they_run;
    while (!running_.empty()) finish_first();
    return std::move(answers_);
  }

 private:
  static constexpr std::size_t most_sent = 32 << 20;

  void submit(const object& task) {
    char* data = nullptr;
    Py_ssize_t size = 0;
    if (PyBytes_AsStringAndSize(task.get(), &data, &size) < 0) throw python_error();
    const std::string_view bytes(data, static_cast<std::size_t>(size));
    while (sent_ + bytes.size() > most_sent && running_.size() > pool_.workers()) {
      const unlocked while_it_runs;
      finish_first();
    }
    running_.emplace_back(pool_.submit(run_task, task_bytes{bytes}), bytes.size());
    sent_ += bytes.size();
  }

  void finish_first() {
    auto& [task, size] = running_.front();
    answers_.push_back(wait_for(task));
    sent_ -= size;
    running_.pop_front();
  }

  fanout::process_pool& pool_;
  std::deque<std::pair<fanout::future<std::string>, std::size_t>> running_;
  std::size_t sent_ = 0;
  std::vector<answer> answers_;
};

object list_of(const std::vector<answer>& answers) {
  object list = object::steal(PyList_New(std::ssize(answers)));
  Py_ssize_t at = 0;
  for (const answer& each : answers) {
    const char* const data = each.content.data();
    const Py_ssize_t size = std::ssize(each.content);
    object item =
        object::steal(each.ok ? PyBytes_FromStringAndSize(data, size) : PyUnicode_DecodeUTF8(data, size, "replace"));
    PyList_SetItem(list.get(), at++, item.release());
  }
  return list;
}

}  // namespace

void begin_task() noexcept {
  forks_workers = false;
  has_run = true;
}

std::vector<std::string> strings_of(PyObject* list) {
  std::vector<std::string> strings;
  const Py_ssize_t size = PyList_Size(list);
  if (size < 0) throw python_error();
  for (Py_ssize_t at = 0; at < size; ++at) strings.push_back(bytes_of(PyList_GetItem(list, at)));
  return strings;
}

PyObject* run_in_processes(PyObject*, PyObject* arguments) {
  PyObject* command = nullptr;
  PyObject* tasks = nullptr;
  PyObject* seen = nullptr;
  unsigned workers = 0;
  int spawns = 0;
  if (!PyArg_ParseTuple(arguments, "OOIOp", &command, &tasks, &workers, &seen, &spawns)) return nullptr;
  return guarded([&] {
    using fanout::start_method;
    fanout::process_pool_options options{.workers = workers,
                                         .start = spawns != 0 ? start_method::spawn : start_method::forkserver,
                                         .worker_command = strings_of(command)};
    unlocked free;
    fanout::process_pool pool(std::move(options));
    return free.locked([&] {
      object results = list_of(run_of_tasks(pool).run(tasks));
      object::steal(PyObject_CallFunctionObjArgs(seen, results.get(), nullptr));
      return results;
    });
  });
}

PyObject* serve(PyObject*, PyObject* arguments) {
  served.interpreter = PyInterpreterState_Get();
  if (!PyArg_ParseTuple(arguments, "OO", &served.run, &served.leave)) return nullptr;
  if (const int error = ::pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child); error != 0) {
    errno = error;
    return PyErr_SetFromErrno(PyExc_OSError);
  }
  fanout::detail::at_worker_leave(leave);
  hand_over_this_thread();
  forks_workers = true;
  fanout::init(0, nullptr);
  forks_workers = false;
  take_back_this_thread();
  PyErr_SetString(PyExc_RuntimeError, "this program is started by fanout, as a worker of a process pool");
  return nullptr;
}

}  // namespace fanout_python
