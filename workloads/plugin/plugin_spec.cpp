// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "workloads/plugin/plugin.hpp"

namespace workloads {

namespace {

/// "libtasks.so", "libtasks.so.1.2"
bool names_a_library(std::string_view file) {
  const std::size_t at = file.rfind(".so");
  if (at == std::string_view::npos || at == 0) return false;
  const std::string_view version = file.substr(at + 3);
  return version.empty() || (version.size() > 1 && version.front() == '.' &&
                             std::ranges::all_of(version, [](char c) { return c == '.' || (c >= '0' && c <= '9'); }));
}

}  // namespace

std::optional<plugin_spec> parse_plugin(std::string_view work) {
  for (std::size_t colon = work.find(':'); colon != std::string_view::npos; colon = work.find(':', colon + 1))
    if (names_a_library(work.substr(0, colon)))
      return plugin_spec{.file = std::string(work.substr(0, colon)), .function = std::string(work.substr(colon + 1))};
  if (names_a_library(work)) return plugin_spec{.file = std::string(work), .function = {}};
  return std::nullopt;
}

}  // namespace workloads
