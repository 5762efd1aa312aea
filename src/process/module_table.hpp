// SPDX-License-Identifier: Apache-2.0
// Modules by build-id: how a code address becomes a location that another process understands, and back.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "fanout/detail/remote_work.hpp"

namespace fanout::detail {

/// An executable or shared object, whichever process it is loaded in. `build_id` is raw bytes; empty: it has none.
struct module_identity {
  std::string build_id;
  std::string path;
  bool operator==(const module_identity&) const = default;
};

/// One that is loaded here.
struct loaded_module {
  struct range {
    std::uintptr_t begin, end;
  };

  module_identity identity;
  std::uintptr_t base = 0;
  std::vector<range> code;  // its executable segments

  bool holds_code(std::uintptr_t address) const noexcept;
};

std::vector<loaded_module> loaded_modules();

/// The identity behind code_location::module in this process. Valid for ever. Any thread.
const module_identity& module_at(std::uint32_t index);

/// In a worker: the module with that build-id, loaded from `identity.path` if it is not there yet. Throws
/// not_importable.
loaded_module find_module(const module_identity& identity);

/// The address of that code here. Throws not_importable if it is outside the module's code.
void* address_in(const loaded_module& module, std::uint64_t offset);

}  // namespace fanout::detail
