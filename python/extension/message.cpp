// SPDX-License-Identifier: Apache-2.0
// How a message is encoded:  head | a length for each buffer | function | data | buffers
#include "message.hpp"

#include <cstring>
#include <utility>

#include "thread_state.hpp"

namespace fanout_python {

namespace {

struct head {
  std::uint32_t kind, buffers;
  std::uint64_t function, data;
};

/// What is shorter is copied while the interpreter's lock is held anyway.
constexpr std::size_t least_held = 4096;

std::uint64_t length_word(const buffer_view& buffer) noexcept {
  return buffer.bytes.size() << 1 | (buffer.read_only ? 1 : 0);
}

template <class Append>
void encode(const message& content, Append append) {
  const head h{.kind = content.kind,
               .buffers = static_cast<std::uint32_t>(content.buffers.size()),
               .function = content.function.size(),
               .data = content.data.size()};
  append(&h, sizeof h);
  for (const buffer_view& each : content.buffers) {
    const std::uint64_t word = length_word(each);
    append(&word, sizeof word);
  }
  append(content.function.data(), content.function.size());
  append(content.data.data(), content.data.size());
  for (const buffer_view& each : content.buffers) append(each.bytes.data(), each.bytes.size());
}

template <class T>
T value_at(const std::byte* place) noexcept {
  T value;
  std::memcpy(&value, place, sizeof value);
  return value;
}

}  // namespace

std::size_t message::encoded_size() const noexcept {
  std::size_t size = sizeof(head) + buffers.size() * sizeof(std::uint64_t) + function.size() + data.size();
  for (const buffer_view& each : buffers) size += each.bytes.size();
  return size;
}

void message::save(fanout::detail::writer& to) const {
  auto& out = to.buffer();
  out.reserve(out.size() + encoded_size());
  encode(*this, [&out](const void* from, std::size_t size) { out.append(from, size); });
}

void message::append_to(std::string& text) const {
  encode(*this, [&text](const void* from, std::size_t size) { text.append(static_cast<const char*>(from), size); });
}

message message::in(fanout::detail::reader& from) {
  const auto h = value_at<head>(from.bytes(sizeof(head)).data());
  const bytes_view words = from.bytes(h.buffers * sizeof(std::uint64_t));
  message found{.kind = h.kind, .function = from.bytes(h.function), .data = from.bytes(h.data), .buffers = {}};
  found.buffers.reserve(h.buffers);
  for (std::size_t at = 0; at < words.size(); at += sizeof(std::uint64_t)) {
    const auto word = value_at<std::uint64_t>(words.data() + at);
    found.buffers.push_back({.bytes = from.bytes(word >> 1), .read_only = (word & 1) != 0});
  }
  return found;
}

held_buffers::held_buffers(PyObject* list) {
  if (list == Py_None) return;
  const Py_ssize_t size = PyList_Size(list);
  if (size < 0) throw python_error();
  views_.reserve(static_cast<std::size_t>(size));
  for (Py_ssize_t at = 0; at < size; ++at) {
    Py_buffer view;
    if (PyObject_GetBuffer(PyList_GetItem(list, at), &view, PyBUF_SIMPLE) < 0) {
      held_buffers give_back;
      give_back.views_.swap(views_);
      throw python_error();
    }
    views_.push_back(view);
  }
}

held_buffers::~held_buffers() {
  for (Py_buffer& view : views_) PyBuffer_Release(&view);
}

std::vector<buffer_view> held_buffers::views() const {
  std::vector<buffer_view> all;
  all.reserve(views_.size());
  for (const Py_buffer& view : views_) {
    const bytes_view bytes(static_cast<const std::byte*>(view.buf), static_cast<std::size_t>(view.len));
    all.push_back({.bytes = bytes, .read_only = view.readonly != 0});
  }
  return all;
}

outcome::outcome(object returned, PyInterpreterState* interpreter) {
  PyObject* kind = PyTuple_GetItem(returned.get(), 0);
  PyObject* data = kind == nullptr ? nullptr : PyTuple_GetItem(returned.get(), 1);
  PyObject* buffers = data == nullptr ? nullptr : PyTuple_GetItem(returned.get(), 2);
  if (buffers == nullptr) throw python_error();
  message content{.kind = static_cast<std::uint32_t>(PyLong_AsUnsignedLong(kind)),
                  .function = {},
                  .data = view_of(data),
                  .buffers = {}};
  held_buffers held(buffers);
  content.buffers = held.views();
  if (content.encoded_size() < least_held) {
    content.append_to(encoded_);
    return;
  }
  large_ = std::move(content);
  returned_ = std::move(returned);
  buffers_ = std::move(held);
  interpreter_ = interpreter;
}

outcome::~outcome() {
  if (returned_.get() == nullptr) return;
  const calling_python here(interpreter_);
  const held_buffers buffers = std::move(buffers_);
  const object returned = std::move(returned_);
}

void outcome::save(fanout::detail::writer& to) const {
  if (returned_.get() != nullptr) return large_.save(to);
  to.buffer().append(encoded_.data(), encoded_.size());
}

void outcome::load(fanout::detail::reader& from) {
  const bytes_view all = from.bytes(from.left());
  encoded_.assign(reinterpret_cast<const char*>(all.data()), all.size());
}

message outcome::content() const {
  fanout::detail::reader from(std::as_bytes(std::span(encoded_)));
  return message::in(from);
}

bytes_view view_of(PyObject* bytes) {
  char* data = nullptr;
  Py_ssize_t size = 0;
  if (PyBytes_AsStringAndSize(bytes, &data, &size) < 0) throw python_error();
  return std::as_bytes(std::span(data, static_cast<std::size_t>(size)));
}

object bytes_from(bytes_view bytes) {
  return object::steal(PyBytes_FromStringAndSize(reinterpret_cast<const char*>(bytes.data()), std::ssize(bytes)));
}

object list_from(const std::vector<buffer_view>& buffers) {
  if (buffers.empty()) return object::steal(Py_NewRef(Py_None));
  object list = object::steal(PyList_New(std::ssize(buffers)));
  Py_ssize_t at = 0;
  for (const buffer_view& each : buffers) {
    const auto* const data = reinterpret_cast<const char*>(each.bytes.data());
    object copy = each.read_only ? bytes_from(each.bytes)
                                 : object::steal(PyByteArray_FromStringAndSize(data, std::ssize(each.bytes)));
    PyList_SetItem(list.get(), at++, copy.release());
  }
  return list;
}

}  // namespace fanout_python
