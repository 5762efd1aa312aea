// SPDX-License-Identifier: Apache-2.0
// The interpreter's side of the meter of its lock (gil_meter.cpp): shows it two threads of which one waits for the lock
// and the other gives it away, and hands its counts to Python.
#include <sys/auxv.h>

#include <chrono>
#include <thread>
#include <vector>

#include "functions.hpp"
#include "gil_meter/gil_meter.hpp"
#include "object.hpp"
#include "thread_state.hpp"

// Null where the library is not loaded.
#pragma weak fanout_gil_take_role
#pragma weak fanout_gil_learned
#pragma weak fanout_gil_read_mine
#pragma weak fanout_gil_read_all
#pragma weak fanout_gil_watch
#pragma weak fanout_gil_read_changes

namespace fanout_python {

namespace {

using namespace std::chrono_literals;
using clock = std::chrono::steady_clock;

constexpr auto patience = 200ms;

constexpr std::size_t most_changes = 1 << 16;  // a minute of two threads that compute, and take turns

bool is_meter_loaded() { return fanout_gil_read_all != nullptr; }

/// Waits for the lock, and ends once it had it.
void wait_for_lock(PyInterpreterState* interpreter) {
  fanout_gil_take_role(fanout_gil_waiter);
  const calling_python here(interpreter);
  fanout_gil_take_role(fanout_gil_nothing);
}

/// Gives the lock to a thread that has asked for it, until that has ended.
void hand_over_to(std::thread& waiter) {
  fanout_gil_take_role(fanout_gil_holder);
  const unlocked free;
  fanout_gil_take_role(fanout_gil_nothing);
  waiter.join();
}

/// The caller holds the lock, and keeps it until it has been asked for it: a waiter does so when a wait has timed out,
/// just before it waits again.
void wait_until_asked(unsigned asked_before) {
  const auto deadline = clock::now() + patience;
  while (fanout_gil_learned().asked < asked_before + 2 && clock::now() < deadline) std::this_thread::sleep_for(20us);
}

/// One may fail: the waiter does not come to wait in time on a busy machine, or it takes the lock before the holder has
/// begun to wait for that.
constexpr int most_lessons = 5;

void teach_meter() {
  PyInterpreterState* const interpreter = PyInterpreterState_Get();
  for (int lesson = 0; lesson < most_lessons && !fanout_gil_learned().hand_over; ++lesson) {
    const unsigned asked_before = fanout_gil_learned().asked;
    std::thread waiter(wait_for_lock, interpreter);
    wait_until_asked(asked_before);
    hand_over_to(waiter);
  }
}

double seconds(std::uint64_t ns) { return 1e-9 * static_cast<double>(ns); }

object tuple_of(const fanout_gil_waits& waits) {
  return object::steal(Py_BuildValue("idddKd", waits.thread, seconds(waits.waited_ns), seconds(waits.hand_over_ns),
                                     seconds(waits.queued_ns), static_cast<unsigned long long>(waits.waits),
                                     seconds(waits.longest_ns)));
}

std::vector<fanout_gil_waits> read_all() {
  std::vector<fanout_gil_waits> all;
  for (std::size_t there = 1; there > all.size();) {
    all.resize(there);
    there = fanout_gil_read_all(all.data(), all.size());
    if (there < all.size()) all.resize(there);
  }
  return all;
}

PyObject* not_loaded() {
  PyErr_SetString(PyExc_RuntimeError, "libfanout_gil.so is not loaded");
  return nullptr;
}

}  // namespace

PyObject* learn_gil(PyObject*, PyObject*) {
  if (!is_meter_loaded()) {
    return PyUnicode_FromString(getauxval(AT_SECURE) != 0
                                    ? "this interpreter has more rights than who starts it (set-user-ID, or "
                                      "capabilities), and the system preloads nothing into such a program"
                                    : "libfanout_gil.so has not been preloaded into this interpreter");
  }
  return guarded([&] {
    teach_meter();
    const fanout_gil_lesson learned = fanout_gil_learned();
    if (learned.lock) return object::steal(PyBool_FromLong(learned.hand_over));
    return object::steal(
        PyUnicode_FromString("no thread was seen to wait for this interpreter's lock: it does not call "
                             "pthread_cond_timedwait for it, or not by way of the system's loader"));
  });
}

PyObject* gil_waits_here(PyObject*, PyObject*) {
  if (!is_meter_loaded()) return not_loaded();
  return guarded([&] { return tuple_of(fanout_gil_read_mine()); });
}

PyObject* gil_waits(PyObject*, PyObject*) {
  if (!is_meter_loaded()) return not_loaded();
  return guarded([&] {
    object list = object::steal(PyList_New(0));
    for (const fanout_gil_waits& each : read_all()) {
      const object waits = tuple_of(each);
      if (PyList_Append(list.get(), waits.get()) < 0) throw python_error();
    }
    return list;
  });
}

PyObject* gil_watch(PyObject*, PyObject*) {
  if (!is_meter_loaded()) return not_loaded();
  if (!fanout_gil_watch(most_changes)) return PyErr_NoMemory();
  return Py_NewRef(Py_None);
}

PyObject* gil_changes(PyObject*, PyObject*) {
  if (!is_meter_loaded()) return not_loaded();
  return guarded([&] {
    std::vector<fanout_gil_change> changes(most_changes);
    std::size_t read = 0;
    const std::size_t there = fanout_gil_read_changes(changes.data(), changes.size(), &read);
    changes.resize(read);
    object list = object::steal(PyList_New(0));
    for (const auto& [thread, now, at_ns] : changes) {
      const object change =
          object::steal(Py_BuildValue("iiK", thread, int{now}, static_cast<unsigned long long>(at_ns)));
      if (PyList_Append(list.get(), change.get()) < 0) throw python_error();
    }
    return object::steal(Py_BuildValue("On", list.get(), static_cast<Py_ssize_t>(there - read)));
  });
}

}  // namespace fanout_python
