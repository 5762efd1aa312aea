// SPDX-License-Identifier: Apache-2.0
// Exceptions to bytes and back.
//
// A code, the text of what(), and for some more. The code says how to rebuild it: an index into one of two lists of
// types (made from their text; made from nothing), or one of the few that carry more.
#include "exception_codec.hpp"

#include <cxxabi.h>

#include <any>
#include <cstdint>
#include <functional>
#include <future>
#include <ios>
#include <memory>
#include <new>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <typeinfo>
#include <variant>

#include "core/type_names.hpp"
#include "fanout/detail/archive.hpp"
#include "fanout/errors.hpp"

namespace fanout::detail {

namespace {

template <class... Types>
struct type_list {};

using made_from_text = type_list<std::runtime_error, std::logic_error, std::invalid_argument, std::out_of_range,
                                 std::domain_error, std::length_error, std::range_error, std::overflow_error,
                                 std::underflow_error, error, timed_out, pool_closed, pool_broken, serialization_error,
                                 not_importable, memory_limit_exceeded, node_lost, channel_closed>;
using made_from_nothing = type_list<std::exception, std::bad_alloc, std::bad_array_new_length, std::bad_cast,
                                    std::bad_typeid, std::bad_function_call, std::bad_weak_ptr, std::bad_exception,
                                    std::bad_optional_access, std::bad_variant_access, std::bad_any_cast, cancelled>;

enum class how : std::uint32_t { from_text = 1, from_nothing, system_error, worker_died, remote };

/// Where `type` is in the list, or -1.
template <class... Types>
int index_in(type_list<Types...>, const std::type_info& type) {
  int index = -1, i = 0;
  ((typeid(Types) == type ? index = i++ : i++), ...);
  return index;
}

template <class... Types>
std::exception_ptr make_from_text(type_list<Types...>, std::uint32_t index, const std::string& text) {
  std::exception_ptr made;
  std::uint32_t i = 0;
  ((i++ == index ? void(made = std::make_exception_ptr(Types(text))) : void()), ...);
  return made;
}

template <class... Types>
std::exception_ptr make_from_nothing(type_list<Types...>, std::uint32_t index) {
  std::exception_ptr made;
  std::uint32_t i = 0;
  ((i++ == index ? void(made = std::make_exception_ptr(Types())) : void()), ...);
  return made;
}

/// The categories whose names mean the same in every process.
const std::error_category* category_named(std::string_view name) {
  for (const auto* category :
       {&std::generic_category(), &std::system_category(), &std::iostream_category(), &std::future_category()}) {
    if (name == category->name()) return category;
  }
  return nullptr;
}

/// what() without what system_error's constructor adds: the code's message.
std::string own_text(const std::system_error& thrown) {
  const std::string added = thrown.code().message();
  std::string text = thrown.what();
  if (text == added) return {};
  if (text.ends_with(": " + added)) text.resize(text.size() - added.size() - 2);
  return text;
}

void encode_remote(writer& to, const std::string& type, const std::string& text) { to(how::remote, type, text); }

void encode_exception(writer& to, const std::type_info& type, const std::exception& thrown) {
  if (const int index = index_in(made_from_text(), type); index >= 0) {
    to(how::from_text, static_cast<std::uint32_t>(index), std::string(thrown.what()));
  } else if (const int at = index_in(made_from_nothing(), type); at >= 0) {
    to(how::from_nothing, static_cast<std::uint32_t>(at));
  } else if (type == typeid(std::system_error)) {
    const auto& e = dynamic_cast<const std::system_error&>(thrown);
    if (category_named(e.code().category().name()) == nullptr) return encode_remote(to, type_name(type), e.what());
    to(how::system_error, std::string(e.code().category().name()), e.code().value(), own_text(e));
  } else if (type == typeid(worker_died)) {
    const auto& e = dynamic_cast<const worker_died&>(thrown);
    to(how::worker_died, std::string(e.what()), e.signal(), e.exit_code(), e.pid());
  } else if (type == typeid(remote_error)) {
    encode_remote(to, dynamic_cast<const remote_error&>(thrown).type(), thrown.what());
  } else {
    const char* const text = thrown.what();
    encode_remote(to, type_name(type), text != nullptr ? text : "");
  }
}

std::exception_ptr decode_system_error(reader& from) {
  std::string category, text;
  int value = 0;
  from(category, value, text);
  const auto* const known = category_named(category);
  const std::error_code code(value, known != nullptr ? *known : std::generic_category());
  return std::make_exception_ptr(text.empty() ? std::system_error(code) : std::system_error(code, text));
}

std::exception_ptr decode_worker_died(reader& from) {
  std::string text;
  int signal = 0, exit_code = 0;
  pid_t pid = 0;
  from(text, signal, exit_code, pid);
  return std::make_exception_ptr(worker_died(text, signal, exit_code, pid));
}

std::exception_ptr decode_listed(how kind, reader& from) {
  std::uint32_t index = 0;
  from(index);
  if (kind == how::from_nothing) return make_from_nothing(made_from_nothing(), index);
  std::string text;
  from(text);
  return make_from_text(made_from_text(), index, text);
}

std::exception_ptr decode_remote(reader& from) {
  std::string type, text;
  from(type, text);
  return std::make_exception_ptr(remote_error(type, text));
}

std::exception_ptr decode(reader& from) {
  how kind{};
  from(kind);
  switch (kind) {
    case how::from_text:
    case how::from_nothing:
      return decode_listed(kind, from);
    case how::system_error:
      return decode_system_error(from);
    case how::worker_died:
      return decode_worker_died(from);
    case how::remote:
      return decode_remote(from);
  }
  return nullptr;
}

}  // namespace

void encode_current_exception(byte_buffer& out) {
  const std::size_t before = out.size();
  writer to(out);
  const std::type_info* const type = abi::__cxa_current_exception_type();
  const std::string name = type != nullptr ? type_name(*type) : "an exception of another language";
  try {
    try {
      throw;
    } catch (const std::exception& thrown) {
      encode_exception(to, typeid(thrown), thrown);
    } catch (const cancelled&) {
      to(how::from_nothing, static_cast<std::uint32_t>(index_in(made_from_nothing(), typeid(cancelled))));
    } catch (...) {
      encode_remote(to, name, "the task threw something of type " + name);
    }
  } catch (...) {  // the exception's own what() threw
    out.shrink(out.size() - before);
    encode_remote(to, name, "the task threw something of type " + name + ", whose what() threw too");
  }
}

std::exception_ptr decode_exception(std::span<const std::byte> bytes) noexcept {
  try {
    reader from(bytes);
    if (auto made = decode(from)) return made;
    throw serialization_error("the worker sent an exception of an unknown kind");
  } catch (...) {
    return std::current_exception();
  }
}

}  // namespace fanout::detail
