// SPDX-License-Identifier: Apache-2.0
// Which exceptions can be rebuilt, by the names of their types.
#pragma once

#include <mutex>
#include <optional>
#include <span>
#include <string_view>
#include <system_error>
#include <typeinfo>

#include "fanout/detail/exception_form.hpp"

namespace fanout::detail {

/// The standard's types, and fanout's.
std::span<const exception_form> standard_forms() noexcept;

/// What was registered. One for the process, if the program has fanout: what it loads, with a fanout of its own, takes
/// the program's. So this is a part of what copies of fanout agree on: whoever changes a type that it uses counts the
/// number in its function's name up.
class exception_registry {
 public:
  void add(registered_form& form) noexcept;
  void add(registered_category& category) noexcept;
  void remove(registered_form& form) noexcept;
  void remove(registered_category& category) noexcept;

  /// By the type's name. With the type, too, where names are not enough, if it is known.
  std::optional<exception_form> find_form(std::string_view name, const std::type_info* type);
  const std::error_category* find_category(std::string_view name);
  bool has(const std::error_category& category);

 private:
  std::mutex mutex_;
  registered_form* forms_ = nullptr;
  registered_category* categories_ = nullptr;
};

std::optional<exception_form> find_form(std::string_view name, const std::type_info* type);

}  // namespace fanout::detail

extern "C" fanout::detail::exception_registry* fanout_exception_registry_1() noexcept;  // never null
