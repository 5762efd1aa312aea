// SPDX-License-Identifier: Apache-2.0
#include "workloads/plugin/library.hpp"

#include <dlfcn.h>
#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>

namespace workloads {

namespace {

using fanout::detail::plugin_function;
using entry_function = const plugin_function* (*)();

std::string entry_name(int version) { return fmt::format("fanout_plugin_{}", version); }

/// Without the name of the file, with which the loader begins what it says.
std::string loader_error(const std::string& file) {
  const char* const said = dlerror();
  const std::string text = said != nullptr ? said : "the loader does not say why";
  return text.starts_with(file + ": ") ? text.substr(file.size() + 2) : text;
}

std::runtime_error no_entry(void* library, const std::string& file) {
  constexpr int ours = FANOUT_DETAIL_PLUGIN_VERSION, most = 100;
  for (int version = 1; version <= most; ++version)
    if (dlsym(library, entry_name(version).c_str()) != nullptr)
      return std::runtime_error(fmt::format(
          "{} was built with a fanout whose plugins have version {}; this fanout has version {}: build it with the "
          "headers and the library of this one",
          file, version, ours));
  return std::runtime_error(fmt::format(
      "{} exports no function to fanout: write FANOUT_EXPORT(function); of <fanout/export.hpp> in one of its sources",
      file));
}

}  // namespace

std::vector<const plugin_function*> load_library(const std::string& file) {
  void* const library = dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) throw std::runtime_error(fmt::format("{} cannot be loaded: {}", file, loader_error(file)));
  const auto entry = reinterpret_cast<entry_function>(dlsym(library, entry_name(FANOUT_DETAIL_PLUGIN_VERSION).c_str()));
  if (entry == nullptr) throw no_entry(library, file);
  std::vector<const plugin_function*> functions;
  for (const plugin_function* one = entry(); one != nullptr; one = one->next) functions.push_back(one);
  std::ranges::reverse(functions);
  return functions;
}

}  // namespace workloads
