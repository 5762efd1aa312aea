// SPDX-License-Identifier: Apache-2.0
// The model processes: fanout's process pool with workers that are interpreters. A task travels as bytes of Python's
// own making; the one function that is shipped lives here, in the module that both sides have loaded.
#include <deque>
#include <fanout/detail/archive.hpp>
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

namespace {

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
  const char* start = nullptr;
  if (!PyArg_ParseTuple(arguments, "OOIOs", &command, &tasks, &workers, &seen, &start)) return nullptr;
  return guarded([&] {
    const python_pool pool = pool_of_interpreters(options_of(strings_of(command), workers, start));
    object results = list_of(run_of_tasks(*pool).run(tasks));
    object::steal(PyObject_CallFunctionObjArgs(seen, results.get(), nullptr));
    return results;
  });
}

}  // namespace fanout_python
