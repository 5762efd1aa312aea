// SPDX-License-Identifier: Apache-2.0
// Python values on their way to a worker and back: bytes that Python has made of them, and the memory of arrays, which
// is copied once into what is sent, and once out of it.
#pragma once

#include <Python.h>

#include <cstddef>
#include <cstdint>
#include <fanout/detail/archive.hpp>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "object.hpp"

namespace fanout_python {

using bytes_view = std::span<const std::byte>;

/// Memory that pickle has left out of its bytes.
struct buffer_view {
  bytes_view bytes;
  bool read_only = false;
};

/// Where the parts of a message lie; it owns nothing.
struct message {
  std::uint32_t kind = 0;  ///< Python's own word for how to read the rest
  bytes_view function, data;
  std::vector<buffer_view> buffers;

  std::size_t encoded_size() const noexcept;
  void save(fanout::detail::writer& to) const;
  void append_to(std::string& text) const;
  /// Throws serialization_error.
  static message in(fanout::detail::reader& from);
};

/// What a task is given. In the worker it lies where it arrived, and is there as long as the task runs.
struct assignment {
  message content;

  void save(fanout::detail::writer& to) const { content.save(to); }
  void load(fanout::detail::reader& from) { content = message::in(from); }
};

/// References to the buffers of Python objects. Made and destroyed by threads that hold the interpreter's lock.
class held_buffers {
 public:
  held_buffers() = default;
  /// Of a list of objects that show their memory, or of None. Throws python_error.
  explicit held_buffers(PyObject* list);
  held_buffers(held_buffers&&) noexcept = default;
  held_buffers& operator=(held_buffers&& other) noexcept {
    views_.swap(other.views_);
    return *this;
  }
  ~held_buffers();

  std::vector<buffer_view> views() const;

 private:
  std::vector<Py_buffer> views_;
};

/// What came of a task. In a worker, what is large stays in Python's objects until it is sent.
class outcome {
 public:
  outcome() = default;
  /// Of the tuple (kind, data, buffers), whose interpreter this is. Throws python_error.
  outcome(object returned, PyInterpreterState* interpreter);
  outcome(outcome&&) noexcept = default;
  outcome& operator=(outcome&&) noexcept = default;
  ~outcome();

  void save(fanout::detail::writer& to) const;
  void load(fanout::detail::reader& from);
  /// In the program.
  message content() const;

 private:
  std::string encoded_;
  message large_;
  object returned_;  // what large_ lies in; null: it is encoded
  held_buffers buffers_;
  PyInterpreterState* interpreter_ = nullptr;
};

/// Of a `bytes`; throws python_error if it is none.
bytes_view view_of(PyObject* bytes);
object bytes_from(bytes_view bytes);
/// A list of `bytes`, where the memory was read-only, and `bytearray`; None if there are none.
object list_from(const std::vector<buffer_view>& buffers);

}  // namespace fanout_python
