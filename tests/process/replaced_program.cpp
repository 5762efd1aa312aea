// SPDX-License-Identifier: Apache-2.0
// Replaces its own file, then prints the name of a function of its own, by the path that it was started as and by the
// one that the system calls it now.
#include <dlfcn.h>
#include <link.h>

#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>

#include "process/symbols.hpp"

namespace {

__attribute__((noinline)) void function_of_this_program() { asm volatile(""); }

std::uint64_t offset_of(void* address) {
  dl_find_object found{};
  if (::_dl_find_object(address, &found) != 0) return 0;
  return reinterpret_cast<std::uintptr_t>(address) - found.dlfo_link_map->l_addr;
}

void print_function_in(const std::string& file, std::uint64_t offset) {
  const auto name = fanout::detail::symbol_at(file, offset);
  std::puts(name ? fanout::detail::demangled(*name).c_str() : "no symbol");
}

}  // namespace

int main() {
  const auto offset = offset_of(reinterpret_cast<void*>(&function_of_this_program));
  const auto file = std::filesystem::read_symlink("/proc/self/exe");
  std::filesystem::remove(file);
  std::ofstream(file) << "something else";
  print_function_in(file, offset);
  print_function_in(std::filesystem::read_symlink("/proc/self/exe"), offset);
}
