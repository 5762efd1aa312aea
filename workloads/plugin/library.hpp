// SPDX-License-Identifier: Apache-2.0
// A shared library and the functions it exports.
#pragma once

#include <string>
#include <vector>

#include "fanout/detail/plugin.hpp"

namespace workloads {

/// Loads it into this process, for as long as that lives; its functions in the order in which it has exported them.
/// Throws std::runtime_error if it cannot be loaded, or is of a fanout with which this one cannot speak.
std::vector<const fanout::detail::plugin_function*> load_library(const std::string& file);

}  // namespace workloads
