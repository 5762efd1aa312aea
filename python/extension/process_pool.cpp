// SPDX-License-Identifier: Apache-2.0
// The type _fanout.process_pool, under the Python class of that name: tasks that Python has encoded go to workers that
// are interpreters, and what came of them is collected, many at a time, by whichever thread of Python waits.
//
//   submit ──▶ waiting_, by its future ──▶ a turn of the pool, on whatever thread: finished_ ──▶ collect
//
// All but finished_ is used by threads that hold the interpreter's lock. No turn ever takes that lock, so submit may
// take a turn while it holds it.
#include <fanout/detail/futex.hpp>
#include <fanout/duration.hpp>
#include <fanout/errors.hpp>
#include <fanout/process_pool.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "functions.hpp"
#include "message.hpp"
#include "object.hpp"
#include "serving.hpp"
#include "thread_state.hpp"

namespace fanout_python {

namespace {

using fanout::detail::outside;

/// In a worker: the bytes of the function, which most often are those of the task before. Python finds the function by
/// them, and knows the hash of an object that it has seen.
PyObject* function_of(bytes_view bytes) {
  static PyObject* last = nullptr;
  if (last == nullptr || !std::ranges::equal(view_of(last), bytes)) {
    Py_XDECREF(last);
    last = nullptr;
    last = bytes_from(bytes).release();
  }
  return last;
}

/// The bytes of the arguments: where they lie, if they are many.
class data_object {
 public:
  explicit data_object(bytes_view bytes)
      : is_view_(bytes.size() >= least_viewed), object_(is_view_ ? view(bytes) : bytes_from(bytes)) {}
  data_object(const data_object&) = delete;
  data_object& operator=(const data_object&) = delete;
  /// Whoever has kept the view is to find that it is over.
  ~data_object() {
    if (is_view_) Py_XDECREF(PyObject_CallMethod(object_.get(), "release", nullptr));
  }

  PyObject* get() const { return object_.get(); }

 private:
  static constexpr std::size_t least_viewed = 4096;

  static object view(bytes_view bytes) {
    auto* const memory = const_cast<char*>(reinterpret_cast<const char*>(bytes.data()));
    return object::steal(PyMemoryView_FromMemory(memory, std::ssize(bytes), PyBUF_READ));
  }

  const bool is_view_;
  const object object_;
};

/// What workers are sent: found in them by its type.
struct run_python {
  outcome operator()(const assignment& task) const {
    begin_task();
    const calling_python here(served.interpreter);
    try {
      const object kind = object::steal(PyLong_FromUnsignedLong(task.content.kind));
      PyObject* const function = function_of(task.content.function);
      const data_object data(task.content.data);
      const object buffers = list_from(task.content.buffers);
      return {object::steal(
                  PyObject_CallFunctionObjArgs(served.run, kind.get(), function, data.get(), buffers.get(), nullptr)),
              served.interpreter};
    } catch (const python_error&) {
      throw std::runtime_error(take_error_text());
    }
  }
};

class finished_tasks;

/// A task that was submitted, and whom to tell. The waiter of its own future.
struct pending_task : fanout::detail::waiter {
  pending_task(PyObject* future, finished_tasks& to) : waiter(&finish), python_future(future), finished(to) {}

  static void finish(fanout::op& self) noexcept;

  fanout::future<outcome> result;
  PyObject* const python_future;  // owned, and given up with the lock held
  finished_tasks& finished;
  pending_task* after = nullptr;
};

/// Tasks in the order in which they ended; and the one thread that waits for the next.
class finished_tasks {
 public:
  void push(pending_task& task) noexcept {
    std::unique_lock lock(mutex_);
    (last_ != nullptr ? last_->after : first_) = &task;
    last_ = &task;
    wake(std::move(lock));
  }

  /// All there are, linked.
  pending_task* take() noexcept {
    const std::lock_guard lock(mutex_);
    last_ = nullptr;
    return std::exchange(first_, nullptr);
  }

  /// Whoever waits, or is about to, is to look.
  void nudge() noexcept {
    std::unique_lock lock(mutex_);
    nudged_ = true;
    wake(std::move(lock));
  }

  /// Until there is one, a nudge, or the deadline. `who` sees to the results; null: nothing is owed.
  void wait(std::shared_ptr<outside> who, const fanout::time_point* deadline) noexcept {
    {
      const std::lock_guard lock(mutex_);
      if (first_ != nullptr || std::exchange(nudged_, false)) return;
      flag_.store(0, std::memory_order_relaxed);
      who_ = who;
      is_awaited_ = true;
    }
    if (who != nullptr) {
      who->block_until(flag_, deadline);
    } else if (deadline != nullptr) {
      fanout::detail::futex_wait_until(flag_, 0, *deadline);
    } else {
      fanout::detail::futex_wait(flag_, 0);
    }
    const std::lock_guard lock(mutex_);
    who_.reset();
    is_awaited_ = nudged_ = false;
  }

 private:
  void wake(std::unique_lock<std::mutex> lock) noexcept {
    if (!std::exchange(is_awaited_, false)) return;
    const std::shared_ptr<outside> who = who_;
    // As a future's own waiter does: whoever blocks in `who` says how it can be woken, then looks at the flag.
    flag_.store(outside::flag_set, std::memory_order_seq_cst);
    lock.unlock();
    if (who != nullptr) {
      who->wake(flag_);
    } else {
      fanout::detail::futex_wake_all(flag_);
    }
  }

  std::mutex mutex_;  // guards all but the flag
  pending_task* first_ = nullptr;
  pending_task* last_ = nullptr;
  bool is_awaited_ = false, nudged_ = false;
  std::shared_ptr<outside> who_;
  std::atomic<std::uint32_t> flag_ = 0;
};

void pending_task::finish(fanout::op& self) noexcept {
  auto& task = static_cast<pending_task&>(self);
  task.finished.push(task);
}

object told(const char* name, const char* text, int signal = 0, int exit_code = 0, int pid = 0) {
  return object::steal(Py_BuildValue("ssiii", name, text, signal, exit_code, pid));
}

/// Why there is no outcome: (name, text, signal, exit code, pid).
object reason(fanout::future<outcome>& result, outcome& taken) {
  try {
    taken = result.get();
    return {};
  } catch (const fanout::cancelled&) {
    return told("cancelled", "");
  } catch (const fanout::worker_died& e) {
    return told("worker_died", e.what(), e.signal(), e.exit_code(), e.pid());
  } catch (const fanout::timed_out& e) {
    return told("timed_out", e.what());
  } catch (const fanout::memory_limit_exceeded& e) {
    return told("memory_limit_exceeded", e.what());
  } catch (const fanout::pool_broken& e) {
    return told("pool_broken", e.what());
  } catch (const std::exception& e) {
    return told("error", e.what());
  }
}

fanout::duration duration_of(double seconds) {
  return fanout::detail::saturated(std::chrono::duration<double>(seconds));
}

/// As a limit, which is none if it is 0 s.
fanout::duration limit_of(double seconds) {
  return seconds > 0 ? std::max(duration_of(seconds), fanout::duration(1)) : fanout::duration::zero();
}

class pool {
 public:
  explicit pool(python_pool made) : pool_(std::move(made)) {}

  void submit(PyObject* future, std::uint32_t kind, PyObject* function, PyObject* data, PyObject* buffers) {
    const held_buffers held(buffers);
    const assignment task{
        {.kind = kind, .function = view_of(function), .data = view_of(data), .buffers = held.views()}};
    auto waiting = std::make_unique<pending_task>(future, finished_);
    if (task.content.encoded_size() < least_unlocked) {
      waiting->result = pool_->submit(run_python(), task);
    } else {
      const unlocked while_it_is_copied;
      waiting->result = pool_->submit(run_python(), task);
    }
    pending_task* const begun = waiting.release();
    Py_INCREF(future);
    waiting_.emplace(future, begun);
    if (!fanout::detail::future_access::state(begun->result).event().register_waiter(*begun)) finished_.push(*begun);
    if (nothing_was_owed_) finished_.nudge();
  }

  /// Appends to the list what has ended: it must not be lost if whoever called is interrupted as soon as this returns.
  /// Blocks for `seconds` at most, for any time if that is negative. True: there was something; None: the pool is
  /// closed.
  object collect(double seconds, PyObject* ended) {
    const auto deadline = fanout::detail::after(duration_of(seconds));
    for (;;) {
      if (pending_task* const first = finished_.take()) {
        append_all(first, ended);
        return object::steal(Py_NewRef(Py_True));
      }
      if (is_closed_) return object::steal(Py_NewRef(Py_None));
      if (seconds >= 0 && fanout::detail::has_passed(&deadline)) return object::steal(Py_NewRef(Py_False));
      std::shared_ptr<outside> who = who_owes();
      nothing_was_owed_ = who == nullptr;
      const unlocked while_it_waits;
      finished_.wait(std::move(who), seconds >= 0 ? &deadline : nullptr);
    }
  }

  bool cancel(PyObject* future, bool kill) {
    const auto found = waiting_.find(future);
    using fanout::cancel_mode;
    return found != waiting_.end() && found->second->result.cancel(kill ? cancel_mode::kill : cancel_mode::cooperative);
  }

  /// The futures of all tasks that were not collected.
  object pending() const {
    object list = object::steal(PyList_New(0));
    for (const auto& each : waiting_) {
      if (PyList_Append(list.get(), each.first) < 0) throw python_error();
    }
    return list;
  }

  /// When all that was submitted has ended, or has been killed.
  void close(fanout::shutdown_mode mode) {
    {
      const unlocked while_workers_leave;
      pool_->shutdown(mode);
    }
    is_closed_ = true;
    finished_.nudge();
  }

  unsigned workers() const { return pool_->workers(); }

  /// Of a pool that nobody will collect from any more.
  void forget() {
    const object nobody = object::steal(PyList_New(0));
    while (pending_task* first = finished_.take()) append_all(first, nobody.get());
  }

 private:
  static constexpr std::size_t least_unlocked = std::size_t{64} << 10;

  std::shared_ptr<outside> who_owes() {
    if (waiting_.empty()) return nullptr;
    return fanout::detail::future_access::state(waiting_.begin()->second->result).owed_from_outside();
  }

  /// Each as (future, kind, data, buffers), or (future, -1, reason, None).
  void append_all(pending_task* first, PyObject* list) {
    while (first != nullptr) {
      const std::unique_ptr<pending_task> task(std::exchange(first, first->after));
      waiting_.erase(task->python_future);
      const object future = object::steal(task->python_future);
      outcome taken;
      const object why = reason(task->result, taken);
      const object entry = why.get() != nullptr ? failed(future, why) : succeeded(future, taken.content());
      if (PyList_Append(list, entry.get()) < 0) throw python_error();
    }
  }

  static object failed(const object& future, const object& why) {
    return object::steal(Py_BuildValue("OiOO", future.get(), -1, why.get(), Py_None));
  }

  static object succeeded(const object& future, const message& content) {
    const object data = bytes_from(content.data);
    const object buffers = list_from(content.buffers);
    return object::steal(Py_BuildValue("OIOO", future.get(), content.kind, data.get(), buffers.get()));
  }

  finished_tasks finished_;
  std::unordered_map<PyObject*, pending_task*> waiting_;  // by the future; those that were collected are not here
  bool nothing_was_owed_ = false;  // when somebody last began to wait: what is submitted is news to them
  bool is_closed_ = false;
  const python_pool pool_;  // last: its end may finish tasks
};

/// The object as Python has it.
struct pool_object {
  PyObject_HEAD pool* self;
};

pool& pool_of(PyObject* self) { return *reinterpret_cast<pool_object*>(self)->self; }

PyObject* make(PyTypeObject* type, PyObject* arguments, PyObject*) {
  PyObject* command = nullptr;
  unsigned workers = 0;
  const char* start = nullptr;
  int initializes = 0;
  double timeout = 0;
  unsigned retries = 0;
  Py_ssize_t memory_limit = 0;
  unsigned max_tasks = 0;
  if (!PyArg_ParseTuple(arguments, "OIspdInI", &command, &workers, &start, &initializes, &timeout, &retries,
                        &memory_limit, &max_tasks)) {
    return nullptr;
  }
  return guarded([&] {
    fanout::process_pool_options options = options_of(strings_of(command), workers, start);
    options.max_tasks_per_worker = max_tasks;
    options.task_timeout = limit_of(timeout);
    options.memory_limit = static_cast<std::size_t>(memory_limit);
    options.retries = retries;
    if (initializes != 0) options.initializer = initialize_by_python;
    auto made = std::make_unique<pool>(pool_of_interpreters(std::move(options)));
    const auto allocate = reinterpret_cast<allocfunc>(PyType_GetSlot(type, Py_tp_alloc));
    object self = object::steal(allocate(type, 0));
    reinterpret_cast<pool_object*>(self.get())->self = made.release();
    return self;
  });
}

void end(pool* dying) {
  const current_error kept;
  guarded([dying] {
    dying->close(fanout::shutdown_mode::drain);
    dying->forget();
    return object();
  });
  delete dying;
}

void destroy(PyObject* self) {
  pool* const dying = reinterpret_cast<pool_object*>(self)->self;
  if (dying != nullptr) end(dying);
  PyTypeObject* const type = Py_TYPE(self);
  reinterpret_cast<freefunc>(PyType_GetSlot(type, Py_tp_free))(self);
  Py_DECREF(type);
}

bool takes(Py_ssize_t wanted, Py_ssize_t given, const char* what) {
  if (wanted == given) return true;
  PyErr_Format(PyExc_TypeError, "%s takes %zd arguments, not %zd", what, wanted, given);
  return false;
}

PyObject* submit(PyObject* self, PyObject* const* arguments, Py_ssize_t count) {
  if (!takes(5, count, "submit")) return nullptr;
  return guarded([&] {
    const auto kind = static_cast<std::uint32_t>(PyLong_AsUnsignedLong(arguments[1]));
    pool_of(self).submit(arguments[0], kind, arguments[2], arguments[3], arguments[4]);
    return object::steal(Py_NewRef(Py_None));
  });
}

PyObject* collect(PyObject* self, PyObject* const* arguments, Py_ssize_t count) {
  if (!takes(2, count, "collect")) return nullptr;
  return guarded([&] { return pool_of(self).collect(PyFloat_AsDouble(arguments[0]), arguments[1]); });
}

PyObject* cancel(PyObject* self, PyObject* const* arguments, Py_ssize_t count) {
  if (!takes(2, count, "cancel")) return nullptr;
  return guarded([&] {
    return object::steal(PyBool_FromLong(pool_of(self).cancel(arguments[0], PyObject_IsTrue(arguments[1]) == 1)));
  });
}

PyObject* pending(PyObject* self, PyObject*) {
  return guarded([&] { return pool_of(self).pending(); });
}

PyObject* workers(PyObject* self, PyObject*) { return PyLong_FromUnsignedLong(pool_of(self).workers()); }

PyObject* close(PyObject* self, PyObject* kills) {
  return guarded([&] {
    using fanout::shutdown_mode;
    pool_of(self).close(PyObject_IsTrue(kills) == 1 ? shutdown_mode::kill : shutdown_mode::drain);
    return object::steal(Py_NewRef(Py_None));
  });
}

template <class Function>
PyCFunction method(Function* function) {
  return reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(function));
}

}  // namespace

PyObject* process_pool_type(PyObject* module) {
  static PyMethodDef methods[] = {
      {"submit", method(submit), METH_FASTCALL, "submit(future, kind, function, data, buffers)"},
      {"collect", method(collect), METH_FASTCALL, "collect(seconds, ended)"},
      {"cancel", method(cancel), METH_FASTCALL, "cancel(future, kill)"},
      {"pending", pending, METH_NOARGS, "pending()"},
      {"workers", workers, METH_NOARGS, "workers()"},
      {"close", close, METH_O, "close(kills)"},
      {nullptr, nullptr, 0, nullptr},
  };
  return new_type(module, {"_fanout.process_pool", sizeof(pool_object), make, destroy, methods});
}

}  // namespace fanout_python
