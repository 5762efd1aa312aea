// SPDX-License-Identifier: Apache-2.0
// What was thrown, in words, so that what comes back can be compared with it.
#pragma once

#include <cxxabi.h>

#include <exception>
#include <string>
#include <system_error>
#include <typeinfo>
#include <vector>

#include "core/type_names.hpp"

namespace fanout_test {

/// Inside a handler: "type: what() [code]" of what is being handled.
inline std::string describe_thrown() {
  const std::string type = fanout::detail::type_name(*abi::__cxa_current_exception_type());
  try {
    throw;
  } catch (const std::system_error& error) {
    return type + ": " + error.what() + " [" + error.code().category().name() + " " +
           std::to_string(error.code().value()) + "]";
  } catch (const std::exception& error) {
    return type + ": " + error.what();
  } catch (...) {
    return type;
  }
}

/// Inside a handler: what is being handled, and what caused it, and so on.
inline void describe_chain(std::vector<std::string>& chain) {
  chain.push_back(describe_thrown());
  try {
    throw;
  } catch (const std::nested_exception& outer) {
    if (!outer.nested_ptr()) return;
    try {
      outer.rethrow_nested();
    } catch (...) {
      describe_chain(chain);
    }
  } catch (...) {  // it has no cause
  }
}

/// What `call` throws, and what caused it, and so on.
template <class Call>
std::vector<std::string> thrown_chain(Call&& call) {
  std::vector<std::string> chain;
  try {
    call();
  } catch (...) {
    describe_chain(chain);
  }
  return chain;
}

/// Throws `outer` as what the thing that `inner` throws has caused.
template <class Outer, class Inner>
[[noreturn]] void throw_caused_by(Outer outer, Inner inner) {
  try {
    inner();
  } catch (...) {
    std::throw_with_nested(outer);
  }
  std::terminate();
}

}  // namespace fanout_test
