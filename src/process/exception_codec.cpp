// SPDX-License-Identifier: Apache-2.0
// Exceptions to bytes and back.
//
// A chain is one link after another, the outermost first; each says whether another follows that caused it:
//
//   name of the type │ type, for people │ text │ parts: length, bytes │ cause: none, beside or inside
//
// The name is the linker's, and empty if this type cannot be taken apart here. What the parts are is its form's affair.
// Where the name is empty or means nothing, type and text make a remote_error.
#include "exception_codec.hpp"

#include <cxxabi.h>

#include <cstdint>
#include <ios>
#include <string>
#include <string_view>
#include <typeinfo>
#include <utility>
#include <vector>

#include "core/type_names.hpp"
#include "exception_registry.hpp"
#include "fanout/detail/archive.hpp"
#include "fanout/errors.hpp"

namespace fanout::detail {

namespace {

/// Where an exception keeps what caused it.
enum class cause_place : std::uint8_t {
  none,
  beside,  ///< throw_with_nested put it there
  inside,  ///< the type derives from nested_exception, or is a failed result
};

struct chain_link {
  std::string name, type, text;
  std::span<const std::byte> parts;
  cause_place cause = cause_place::none;
};

/// The type of what `call` throws.
template <class Call>
const std::type_info& type_thrown_by(Call call) {
  try {
    call();
  } catch (...) {
    if (const auto* const type = abi::__cxa_current_exception_type()) return *type;
  }
  return typeid(void);
}

/// How the names of the types begin that throw_with_nested makes, each before the name of the type it was given.
std::string_view wrapper_name() {
  static const std::string name = [] {
    const std::string with_argument = type_thrown_by([] { std::throw_with_nested(std::exception()); }).name();
    return with_argument.substr(0, with_argument.find(typeid(std::exception).name()));
  }();
  return name;
}

/// What throw_with_nested was given, if it made this type; null if not.
const std::type_info* wrapped_type(const std::type_info& type) {
  const auto* const derived = dynamic_cast<const abi::__vmi_class_type_info*>(&type);
  if (derived == nullptr || derived->__base_count != 2) return nullptr;
  if (!std::string_view(type.name()).starts_with(wrapper_name())) return nullptr;
  const std::type_info& first = *derived->__base_info[0].__base_type;
  return first != typeid(std::nested_exception) ? &first : derived->__base_info[1].__base_type;
}

/// Streams throw a type of the library's own that derives from failure.
const std::type_info& public_type(const std::type_info& type) {
  static const std::type_info& of_streams = type_thrown_by([] {
    std::basic_ios<char> without_buffer(nullptr);
    without_buffer.exceptions(std::ios_base::badbit);
  });
  return type == of_streams ? typeid(std::ios_base::failure) : type;
}

/// Inside a catch block: the exception that is being handled, taken apart.
class dissected {
 public:
  /// If it may not have a cause, but has, it says so instead.
  explicit dissected(bool may_have_cause) {
    const std::type_info* const thrown = abi::__cxa_current_exception_type();
    if (thrown == nullptr) return;
    const std::type_info* const wrapped = wrapped_type(*thrown);
    const std::type_info& own = public_type(wrapped != nullptr ? *wrapped : *thrown);
    const auto form = find_form(own.name(), &own);
    type_ = type_name(own);
    text_ = "the task threw something of type " + type_;
    if (wrapped != nullptr || !form || form->has_cause) look_for_cause();
    if (cause_) place_ = wrapped != nullptr ? cause_place::beside : cause_place::inside;
    if (cause_ && !may_have_cause) {
      leave_out_cause();
    } else if (form) {
      save(*form);
    }
  }

  void write(writer& to) const {
    to(name_, type_, text_, std::uint64_t{parts_.size()});
    to.buffer().append(parts_.data(), parts_.size());
    to(place_);
  }

  const std::exception_ptr& cause() const noexcept { return cause_; }

 private:
  void look_for_cause() {
    try {
      throw;
    } catch (const std::exception& thrown) {
      text_ = text_of(thrown);
      if (const auto* const outer = dynamic_cast<const std::nested_exception*>(&thrown)) cause_ = outer->nested_ptr();
      if (const auto* const outer = dynamic_cast<const failed_result*>(&thrown)) cause_ = outer->error();
    } catch (const std::nested_exception& outer) {
      cause_ = outer.nested_ptr();
    } catch (...) {  // it has neither text nor cause
    }
  }

  void leave_out_cause() {
    text_ +=
        " (what caused it is left out: this is a chain of more than " + std::to_string(longest_chain) + " exceptions)";
    cause_ = nullptr;
    place_ = cause_place::none;
  }

  void save(const exception_form& form) {
    try {
      writer to(parts_);
      form.save(to, text_);
      name_ = form.type->name();
      return;
    } catch (const abi::__forced_unwind&) {
      throw;
    } catch (const std::exception& error) {
      text_ += " (and could not be sent as what it is: " + text_of(error) + ")";
    } catch (...) {
      text_ += " (and could not be sent as what it is)";
    }
    parts_.clear();
  }

  std::string name_, type_ = "an exception of another language", text_ = "the task threw " + type_;
  byte_buffer parts_;
  cause_place place_ = cause_place::none;
  std::exception_ptr cause_;
};

/// Appends what is being handled. Returns its cause, which is to follow, or null.
std::exception_ptr encode_link(writer& to, bool may_have_cause) {
  const dissected current(may_have_cause);
  current.write(to);
  return current.cause();
}

void encode_chain(byte_buffer& out) {
  writer to(out);
  std::exception_ptr next = encode_link(to, true);
  for (std::size_t sent = 1; next; ++sent) {
    try {
      std::rethrow_exception(next);
    } catch (...) {
      next = encode_link(to, sent + 1 < longest_chain);
    }
  }
}

chain_link decode_link(reader& from) {
  chain_link l;
  std::uint64_t size = 0;
  from(l.name, l.type, l.text, size);
  l.parts = from.bytes(size);
  from(l.cause);
  if (l.cause > cause_place::inside) throw serialization_error("an exception came with an unknown kind of cause");
  return l;
}

std::vector<chain_link> decode_chain(reader& from) {
  std::vector<chain_link> chain;
  do {
    if (chain.size() == longest_chain) throw serialization_error("a chain of exceptions came that does not end");
    chain.push_back(decode_link(from));
  } while (chain.back().cause != cause_place::none);
  return chain;
}

const std::nested_exception without_cause;  // made where nothing is handled: one made in a handler has a cause

std::nested_exception with_cause(const std::exception_ptr& cause) {
  if (!cause) return without_cause;
  try {
    std::rethrow_exception(cause);
  } catch (...) {
    return {};
  }
}

/// The exception with another cause than the one it came to have as it was made.
std::exception_ptr caused_by(const std::exception_ptr& made, const std::exception_ptr& cause) {
  const std::nested_exception keeper = with_cause(cause);
  try {
    std::rethrow_exception(made);
  } catch (std::nested_exception& outer) {
    outer = keeper;
    return std::current_exception();
  } catch (failed_result& outer) {
    outer.error() = cause;
    return std::current_exception();
  } catch (...) {
    if (!cause) return made;
    throw serialization_error("an exception came with a cause that it cannot have");
  }
}

std::exception_ptr remote(const chain_link& l, bool with_nested) {
  remote_error made(l.type, l.text);
  return with_nested ? pointer_to(std::move(made), true) : std::make_exception_ptr(made);  // which throws nothing
}

std::exception_ptr rebuild(const chain_link& l, const std::exception_ptr& cause) {
  const auto form = find_form(l.name, nullptr);
  reader from(l.parts);
  std::exception_ptr made = form ? form->make(from, l.text, l.cause == cause_place::beside) : nullptr;
  const bool is_itself = made != nullptr;
  if (!is_itself) made = remote(l, cause != nullptr);
  return cause || (is_itself && form->has_cause) ? caused_by(made, cause) : made;
}

/// What `l` could not be rebuilt for, said in full. Inside a catch block.
[[noreturn]] void rethrow_about(const chain_link& l) {
  const std::string about = "the task threw " + l.type + " (" + l.text + "), which could not be decoded: ";
  try {
    throw;
  } catch (const abi::__forced_unwind&) {
    throw;
  } catch (const std::exception& error) {
    throw serialization_error(about + text_of(error));
  } catch (...) {
    const std::type_info* const thrown = abi::__cxa_current_exception_type();
    throw serialization_error(about + "its code threw " + (thrown != nullptr ? type_name(*thrown) : "something"));
  }
}

std::exception_ptr rebuild_chain(const std::vector<chain_link>& chain) {
  std::exception_ptr made;
  for (auto at = chain.rbegin(); at != chain.rend(); ++at) {
    try {
      made = rebuild(*at, made);
    } catch (...) {
      rethrow_about(*at);
    }
  }
  return made;
}

}  // namespace

void encode_current_exception(byte_buffer& out) {
  const std::size_t before = out.size();
  try {
    encode_chain(out);
  } catch (const abi::__forced_unwind&) {
    throw;
  } catch (...) {  // there is no memory for it, perhaps
    out.shrink(out.size() - before);
    writer to(out);
    to(std::string(), std::string("an exception"), std::string("the task threw something that could not be sent"),
       std::uint64_t{0}, cause_place::none);
  }
}

std::exception_ptr decode_exception(std::span<const std::byte> bytes) noexcept {
  try {
    reader from(bytes);
    return rebuild_chain(decode_chain(from));
  } catch (...) {
    return std::current_exception();
  }
}

}  // namespace fanout::detail
