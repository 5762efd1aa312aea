// SPDX-License-Identifier: Apache-2.0
#include "core/type_names.hpp"

#include <cxxabi.h>

#include <cstdlib>
#include <memory>

namespace fanout::detail {

std::string type_name(const std::type_info& type) {
  struct free_deleter {
    void operator()(char* text) const { std::free(text); }
  };
  int status = 0;
  const std::unique_ptr<char, free_deleter> text(abi::__cxa_demangle(type.name(), nullptr, nullptr, &status));
  return text ? text.get() : type.name();
}

}  // namespace fanout::detail
