// SPDX-License-Identifier: Apache-2.0
// Names of functions, from the symbol tables of the files that hold them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace fanout::detail {

/// The function that contains `offset`, as the linker names it: from the file's .symtab, which knows static functions
/// too, else from its .dynsym. An offset counts from the module's load bias (dl_phdr_info::dlpi_addr,
/// link_map::l_addr), as the values of symbols do in every kind of file. Nothing stays open. Any thread.
std::optional<std::string> symbol_at(const std::string& module_path, std::uint64_t offset);

/// As people write it: "f(int)" for "_Z1fi"; what is no name of C++ stays as it is.
std::string demangled(const std::string& linker_name);

}  // namespace fanout::detail
